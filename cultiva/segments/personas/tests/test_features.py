"""What groups are looked for in: what says something of somebody, and nothing trivial; and how groups are told."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cultiva.segments.personas.clusters import Feature, find_groups
from cultiva.segments.personas.features import Column, Level, Person, candidates_of, columns_of
from cultiva.segments.personas.naming import name_of
from cultiva.segments.personas.portraits import Candidate, draw

LEADS = 200


def table(**attributes: Any) -> list[Person]:
    """200 people; a value is the same for all, or asked for by number."""
    return [
        Person(n, {key: value(n) if callable(value) else value for key, value in attributes.items()})
        for n in range(LEADS)
    ]  # fmt: skip


def names(people: list[Person]) -> list[str]:
    return [column.path or column.name for column in columns_of(people, {})]


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("the same for all", "ES"),
        ("nearly the same for all", lambda n: "FR" if n < 8 else "ES"),
        ("another for each", lambda n: f"kunde-{n}"),
        ("known of few", lambda n: "abc"[n % 3] if n < 30 else None),
        ("empty", ""),
    ],
)
def test_what_tells_nobody_apart_is_no_feature(what: str, value: Any) -> None:
    assert names(table(job_title=lambda n: ("director", "técnico")[n % 2], thing=value)) == ["job_title"], what


def test_what_somebody_reads_counts_and_not_how_much() -> None:
    """Who was never seen on the site may not be followed: what they read is not known."""

    def acts(n: int) -> Iterator[tuple[tuple[str, str], int]]:
        if n >= 50:
            pages = 3 if n % 2 else 30
            yield ("page", ""), pages
            yield ("page", "/blog" if n % 3 else "/precios"), pages
        yield ("download", ""), n % 2

    found = columns_of([Person(n, {}, {act: times for act, times in acts(n) if times}) for n in range(LEADS)], {})
    grouped = {(column.kind, column.path or column.name): column for column in found if column.is_for_groups}
    assert set(grouped) == {("event", "download"), ("interest", "/blog"), ("interest", "/precios")}
    blog = grouped["interest", "/blog"].rows
    assert [blog[n] for n in (0, 49, 51, 52, 53)] == [None, None, 0, 1, 1]
    assert {candidates.criteria["event"] for candidates in candidates_of(found)} == {"download", "page"}


def test_two_attributes_that_say_the_same_make_no_groups() -> None:
    """A province that goes by the sector: each sector would be a group of its own."""
    random = np.random.default_rng(3)
    sector = random.integers(0, 6, 800)
    province = np.where(random.random(800) < 0.9, sector, random.integers(0, 6, 800))
    others = [random.integers(0, 4, 800) for _ in range(4)]
    columns = np.column_stack([sector, province, *others]).astype(float)
    found = find_groups([Feature(6)] * 2 + [Feature(4)] * 4, columns, seed=7, progress=lambda *_: None)
    assert (found.groups, found.why_none) == ([], "one")


def test_values_of_a_choice_that_are_a_groups_own_are_told_together() -> None:
    rows = np.array([[n % 2] for n in range(100)] + [[2 + n % 3] for n in range(100)], dtype=float)
    candidates = [Candidate(0, [level]) for level in range(5)]
    portrait = draw(rows, candidates, {0: range(5)}, range(100))
    (trait,) = portrait.traits
    assert (sorted(trait.candidate.levels), trait.inside, trait.others, trait.lift) == ([0, 1], 1.0, 0.0, None)
    assert [sorted(candidate.levels) for candidate, _weight in portrait.criteria] == [[0, 1]]
    assert (portrait.precision, portrait.recall) == (1.0, 1.0)


def choice(name: str, *labels: str) -> Column:
    return Column("choice", name, [Level(label, {"attribute": name, "is": label}) for label in labels], [])


def test_a_name_says_who_they_are_before_what_they_do() -> None:
    sector, title = choice("sector", "olivar", "viñedo", "cereal"), choice("job_title", "propietario")
    size = choice("employees", "1-9")
    blog = Column("event", "page", [Level("", None), Level("1", {"event": "page"})], [], "/blog")
    told: list[Any] = [(sector, [0, 1], {}), (blog, [1], {}), (title, [0], {}), (size, [0], {})]
    assert name_of(told, 1) == {
        "es": "Propietario, olivar / viñedo, lee /blog", "en": "Propietario, olivar / viñedo, reads /blog",
    }  # fmt: skip
    assert name_of([(size, [0], {})], 1)["es"] == "Número de empleados 1-9"
    assert name_of([(sector, [0, 1, 2], {})], 1)["en"] == "Olivar, viñedo and others"
    assert name_of([], 3) == {"es": "Grupo 3", "en": "Group 3"}
