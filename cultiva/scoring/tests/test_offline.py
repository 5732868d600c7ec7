"""Scores over files are what the reference says, as those of the live store are, on random models and people."""

import json
from collections.abc import Sequence
from datetime import datetime
from math import fsum
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cultiva.criteria.offline import Files
from cultiva.criteria.tests.cast import Person
from cultiva.criteria.tests.on_files import write_people
from cultiva.scoring.offline import read_model, score_files
from cultiva.scoring.tests import samples
from cultiva.scoring.tests.reference import evaluate, grade, temperature
from cultiva.scoring.tests.test_agreement import EXACT, close_when_shown


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    return Path(tmp_path_factory.mktemp("files"))


histories = given(
    model=samples.models(samples.steps | samples.smooth),
    people=st.lists(samples.people, min_size=2, max_size=5),
    at=st.sampled_from(samples.INSTANTS),
)


@settings(deadline=None, database=None, max_examples=40)
@histories
def test_a_score_of_files_is_what_the_reference_says(
    folder: Path, model: Any, people: list[Person], at: datetime
) -> None:
    agree(folder, model, people, at)


@pytest.mark.slow
@settings(deadline=None, database=None, max_examples=500)
@histories
def test_many_more_scores_of_files_are_what_the_reference_says(
    folder: Path, model: Any, people: list[Person], at: datetime
) -> None:
    agree(folder, model, people, at)


def agree(folder: Path, model: Any, people: Sequence[Person], at: datetime) -> None:
    write_people(folder, people, at)
    read = read_model(json.dumps(model))
    files = Files(folder / "leads.parquet", folder / "events.csv", folder / "rejects.csv")
    found = score_files(read, files, at=at, out=folder / "out.parquet", timezone="Europe/Madrid", explain="0001")
    with duckdb.connect() as connection:
        rows = connection.execute(f"FROM '{folder / 'out.parquet'}'").fetchall()
    for (lead_id, fit, interest, total, band, letter), (n, person) in zip(rows, enumerate(people), strict=True):
        expected = evaluate(model, person, at, at)
        assert lead_id == f"{n:04}"
        assert close_when_shown(total, expected.total)
        assert close_when_shown(fit, expected.dimensions["fit"])
        assert close_when_shown(interest, expected.dimensions["interest"])
        assert band == temperature(model, total)
        assert letter == grade(model, {"fit": fit, "interest": interest})
    assert found.explained is not None
    explains(found.explained, model, evaluate(model, people[1], at, at), at)


def explains(parts: list[dict[str, Any]], model: Any, expected: Any, at: datetime) -> None:
    """Each part is the reference's, and they add up."""
    rules, cuts = [each for each in parts if "rule" in each], {each["name"]: each for each in parts if "cap" in each}
    assert [each["raw"] for each in rules] == pytest.approx(expected.raw, rel=EXACT, abs=EXACT)
    assert [each["after_rule_cap"] for each in rules] == pytest.approx(expected.after, rel=EXACT, abs=EXACT)
    total = cuts["total"]["cut"]
    for name, dimension in model["dimensions"].items():
        value = fsum(each["after_rule_cap"] for each in rules if each["dimension"] == name) + cuts[name]["cut"]
        assert value == pytest.approx(expected.dimensions[name], rel=EXACT, abs=EXACT)
        total += dimension.get("weight", 1) * value
    assert total == pytest.approx(expected.total, rel=EXACT, abs=EXACT)
    for each in rules:
        instants = [datetime.fromisoformat(event["occurred_at"]) for event in each["events"]]
        assert instants == sorted(instants, reverse=True)
        assert each["next_change_at"] is None or datetime.fromisoformat(each["next_change_at"]) > at
