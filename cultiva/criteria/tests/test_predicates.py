"""Criteria as SQL: who meets them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cultiva.criteria.language import Context, compile_predicate, parse
from cultiva.criteria.tests import samples
from cultiva.criteria.tests.cast import (
    Act,
    Person,
    Undone,
    against_the_database,
    make_months,
    make_people,
)
from cultiva.criteria.tests.reference import holds
from cultiva.lib.database import fetch_all, workspace_scope
from cultiva.lib.documents import DocumentError

DAY = timedelta(days=1)


def select_leads(workspace: Any, document: Any, at: datetime, **offers: Any) -> list[int]:
    context = Context(timezone="Europe/Madrid", **offers)
    predicate = compile_predicate(parse(document), context)
    rows = fetch_all(
        f"SELECT l.id, {predicate} AS holds FROM lead l WHERE l.workspace_id = %(workspace)s ORDER BY l.id",
        {**context.parameters, "workspace": workspace.id, "at": at},
    )
    assert None not in [row["holds"] for row in rows]
    return [row["id"] for row in rows if row["holds"]]


def test_every_operator_means_what_the_reference_says_of_every_value(huerta: Any, at: datetime) -> None:
    elements = samples.ELEMENTS
    values = [*elements, *([each] for each in elements), *([None, "ES", each] for each in elements)]
    people = [Person({"a": value}) for value in values] + [Person()]
    ids = make_people(huerta, people, at)
    for comparison in samples.COMPARISONS:
        document = {"attribute": "a", **comparison}
        expected = [id for id, person in zip(ids, people, strict=True) if holds(document, person, at, at)]
        assert select_leads(huerta, document, at) == expected, document


@pytest.mark.parametrize("by_visitor", [False, True])
def test_windows_are_open_at_their_start_and_closed_at_their_end(huerta: Any, at: datetime, by_visitor: bool) -> None:
    moments = [timedelta(0), samples.INSTANT, DAY - samples.INSTANT, DAY, DAY + samples.INSTANT, -samples.INSTANT]
    people = [Person(acts=[Act("download", age, by_visitor=by_visitor)]) for age in moments]
    ids = make_people(huerta, people, at)
    assert select_leads(huerta, {"event": "download", "within_days": 1}, at) == ids[:3]
    assert select_leads(huerta, {"event": "download"}, at) == ids[:5]
    assert select_leads(huerta, {"event": "download"}, at + samples.INSTANT) == ids


@settings(against_the_database, max_examples=100)
@given(value=samples.values, tests=st.lists(samples.comparisons, min_size=8, max_size=8))
def test_an_operator_means_what_the_reference_says(huerta: Any, at: datetime, value: Any, tests: list[Any]) -> None:
    person = Person({"a": value})
    with Undone():
        make_people(huerta, [person], at)
        for test in tests:
            document = {"attribute": "a", **test}
            assert bool(select_leads(huerta, document, at)) == holds(document, person, at, at), document


@settings(against_the_database, max_examples=150)
@given(
    people=st.lists(samples.people, min_size=2, max_size=6),
    documents=st.lists(samples.documents, min_size=6, max_size=6),
)
def test_a_tree_means_what_the_reference_says(
    huerta: Any, at: datetime, people: list[Person], documents: list[Any]
) -> None:
    make_months(huerta, at, at - 31 * DAY, at - 59 * DAY)
    with Undone():
        ids = make_people(huerta, people, at)
        for document in documents:
            expected = [id for id, person in zip(ids, people, strict=True) if holds(document, person, at, at)]
            assert select_leads(huerta, document, at) == expected, document


def test_since_counts_what_came_after_and_is_refused_where_it_is_not_offered(huerta: Any, at: datetime) -> None:
    ages = [DAY + samples.INSTANT, DAY, DAY - samples.INSTANT]
    ids = make_people(huerta, [Person(acts=[Act("download", age)]) for age in ages], at)
    document = {"event": "download", "since": "hola"}
    offered = {"hola": "%(at)s - interval '1 day'"}
    assert select_leads(huerta, document, at, since=offered) == ids[2:]
    with pytest.raises(DocumentError, match="there is no `hola` to count from") as error:
        select_leads(huerta, document, at, since={"entry": "%(at)s"})
    assert error.value.hint == "known here: entry"


def test_an_event_is_found_by_its_kind_unless_it_is_a_track_event(huerta: Any, at: datetime) -> None:
    acts = [Act("", kind="page"), Act("page"), Act("track"), Act("", kind="identify"), Act("download")]
    ids = make_people(huerta, [Person(acts=[act]) for act in acts], at)
    assert select_leads(huerta, {"event": "page"}, at) == ids[:2]
    assert select_leads(huerta, {"event": "track"}, at) == [ids[2]]
    assert select_leads(huerta, {"event": "any"}, at) == [*ids[:3], ids[4]]
    assert select_leads(huerta, {"event": "temperature_changed"}, at) == []


@pytest.mark.parametrize(
    "word", ["'; DROP TABLE lead; --", "%(at)s", "100%", "%s", "{}", "\\", '"', "$1", "::int", "a.b"]
)
def test_words_of_users_are_bound_and_never_become_sql(huerta: Any, at: datetime, word: str) -> None:
    person = Person({word: word}, [Act(word, properties={word.replace(".", ""): word})])
    (lead,) = make_people(huerta, [person], at)
    where = [{"property": word.replace(".", ""), "contains": word}]
    for document in (
        {"attribute": word, "is": word},
        {"attribute": word, "any_of": [word]},
        {"attribute": word, "starts_with": word},
        {"event": word, "where": where},
    ):
        assert select_leads(huerta, document, at) == [lead], document


def test_another_workspace_sees_nothing_of_it(huerta: Any, other_co: Any, at: datetime) -> None:
    make_people(huerta, [Person({"a": "x"}, [Act("download")])], at)
    with workspace_scope(other_co.id):
        context = Context()
        predicate = compile_predicate(parse({"any": [{"event": "download"}, {"attribute": "a", "is": "x"}]}), context)
        # Asked for every workspace on purpose: row-level security stands behind the join.
        rows = fetch_all(f"SELECT l.id FROM lead l WHERE {predicate}", {**context.parameters, "at": at})
    assert rows == []
