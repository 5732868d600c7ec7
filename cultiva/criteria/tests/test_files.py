"""Criteria over files: the columnar engine means what the reference says."""

import itertools
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cultiva.criteria.tests import samples
from cultiva.criteria.tests.cast import Person
from cultiva.criteria.tests.on_files import select_people, write_people
from cultiva.criteria.tests.reference import holds


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    return Path(tmp_path_factory.mktemp("files"))


def test_every_operator_means_in_files_what_the_reference_says_of_every_value(folder: Path, at: datetime) -> None:
    """Each with every third of its operands; all of them, as in the database, where there is time."""
    of_operators = itertools.groupby(samples.COMPARISONS, key=lambda comparison: next(iter(comparison)))
    compare(folder, at, [each for _, comparisons in of_operators for each in list(comparisons)[::3]])


@pytest.mark.slow
def test_every_operator_and_operand_means_in_files_what_the_reference_says(folder: Path, at: datetime) -> None:
    compare(folder, at, samples.COMPARISONS)


def compare(folder: Path, at: datetime, comparisons: list[dict[str, Any]]) -> None:
    elements = samples.ELEMENTS
    values = [*elements, *([each] for each in elements), *([None, "ES", each] for each in elements)]
    people = [Person({"a": value}) for value in values] + [Person()]
    write_people(folder, people, at)
    for comparison in comparisons:
        document = {"attribute": "a", **comparison}
        expected = [n for n, person in enumerate(people) if holds(document, person, at, at)]
        assert select_people(folder, document, at) == expected, document


people_and_trees = given(
    people=st.lists(samples.people, min_size=2, max_size=6),
    documents=st.lists(samples.documents, min_size=6, max_size=6),
)


@settings(deadline=None, database=None, max_examples=25)
@people_and_trees
def test_a_tree_means_in_files_what_the_reference_says(
    folder: Path, people: list[Person], documents: list[Any]
) -> None:
    agree(folder, people, documents)


@pytest.mark.slow
@settings(deadline=None, database=None, max_examples=300)
@people_and_trees
def test_many_more_trees_mean_in_files_what_the_reference_says(
    folder: Path, people: list[Person], documents: list[Any]
) -> None:
    agree(folder, people, documents)


def agree(folder: Path, people: list[Person], documents: list[Any]) -> None:
    at = samples.NOON
    write_people(folder, people, at)
    for document in documents:
        expected = [n for n, person in enumerate(people) if holds(document, person, at, at)]
        assert select_people(folder, document, at) == expected, document
