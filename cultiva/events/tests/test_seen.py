"""What was seen: counted once live, the same when counted anew, and bounded whatever comes in."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultiva.events import seen
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.batch import Batch
from cultiva.events.inbox import claim_arrivals
from cultiva.events.seen import (
    counts_by_day,
    latest_events,
    names_seen,
    note_seen,
    properties_seen,
    recount,
)
from cultiva.lib.database import execute, fetch_all, workspace_scope

TABLES = ("event_name", "event_day", "event_property")


def arrive(workspace: Any, at: datetime, *events: NewEvent) -> None:
    """Record events and count them as flow does."""
    record_events(workspace_id=workspace.id, events=events, received_at=at)
    take(workspace, at)


def take(workspace: Any, at: datetime) -> None:
    while True:
        new, passed_on = claim_arrivals(workspace_id=workspace.id, limit=7)
        if not new and not passed_on:
            return
        note_seen(Batch(workspace_id=workspace.id, at=at, events=new, passed_on=passed_on))


_numbers = iter(range(10**9))


def event(at: datetime, name: str = "video", kind: str = "track", **more: Any) -> NewEvent:
    return NewEvent(kind=kind, name=name, message_id=f"m{next(_numbers)}", occurred_at=at, **{"source_id": 1, **more})


def rows() -> dict[str, list[str]]:
    return {table: sorted(map(str, fetch_all(f"SELECT * FROM {table}"))) for table in TABLES}


def test_names_are_counted_by_source_and_kind(huerta: Any, at: datetime) -> None:
    later = at + timedelta(hours=1)
    arrive(huerta, at, event(at), event(at), event(at, source_id=2), event(at, "page", "page"))
    arrive(huerta, later, event(at), event(at, "own", source_id=0))
    found = {(n.source_id, n.kind, n.name): n for n in names_seen(workspace_id=huerta.id)}
    assert {key: n.count for key, n in found.items()} == {
        (1, "track", "video"): 3, (2, "track", "video"): 1, (1, "page", "page"): 1, (0, "track", "own"): 1,
    }  # fmt: skip
    video = found[1, "track", "video"]
    assert (video.first_seen_at, video.last_seen_at) == (at, later)
    newest = fetch_all("SELECT max(id) AS id FROM event WHERE name = 'video' AND source_id = 1")[0]["id"]
    assert video.last_event_id == newest
    assert {n.source_id for n in names_seen(workspace_id=huerta.id, source_id=2)} == {2}


def test_days_are_those_of_the_workspace(huerta: Any) -> None:
    """23:30 UTC in March is past midnight in Madrid."""
    execute("UPDATE workspace SET time_zone = 'Europe/Madrid' WHERE id = %s", [huerta.id])
    before, after = (datetime(2026, 3, 10, 22, 30, tzinfo=UTC), datetime(2026, 3, 10, 23, 30, tzinfo=UTC))
    arrive(huerta, before, event(before), event(before, "search"))
    arrive(huerta, after, event(after))
    days = counts_by_day(workspace_id=huerta.id, since=date(2026, 3, 1))
    assert [(d.day, d.count) for d in days] == [(date(2026, 3, 10), 2), (date(2026, 3, 11), 1)]
    assert [d.count for d in counts_by_day(workspace_id=huerta.id, since=date(2026, 3, 11))] == [1]
    assert [d.count for d in counts_by_day(workspace_id=huerta.id, since=date(2026, 3, 1), name="search")] == [1]


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("hola", "string"), ("", "string"), ("2026-03-10", "date"), ("2026-03-10T12:00:00Z", "date"),
        ("2026-03-10 12:00:00.123+0100", "date"), ("2026-03-10T12:00+01:00", "date"), ("2026-03", "string"),
        ("2026-03-10 or so", "string"), (1, "number"), (1.5, "number"), (True, "boolean"), ([1], "array"),
        ({"a": 1}, "object"),
    ],
)  # fmt: skip
def test_properties_are_known_by_type(huerta: Any, at: datetime, value: Any, type_: str) -> None:
    arrive(huerta, at, event(at, properties={"p": value, "nothing": None}))
    assert [(p.property, p.types) for p in properties_seen(workspace_id=huerta.id, name="video")] == [("p", [type_])]


def test_a_property_that_changes_its_type_has_both(huerta: Any, at: datetime) -> None:
    arrive(huerta, at, event(at, properties={"price": 3}))
    arrive(huerta, at + timedelta(1), event(at, properties={"price": "3 €"}))
    (price,) = properties_seen(workspace_id=huerta.id, name="video")
    assert (price.types, price.last_seen_at) == (["number", "string"], at + timedelta(1))
    assert properties_seen(workspace_id=huerta.id, name="video", kind="page") == []


def test_a_sender_of_garbage_fills_nothing(huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "MOST_NAMES", 5)
    monkeypatch.setattr(seen, "MOST_PROPERTIES", 4)
    for start in range(0, 30, 3):
        names = [event(at, f"n{n}", properties={f"p{n}": 1}) for n in range(start, start + 3)]
        wide = event(at, "n0", properties={f"q{n}": n for n in range(start, start + 3)})
        arrive(huerta, at, *names, wide, event(at, "x" * 5000, properties={"y" * 5000: 1}))
    found = {n.name: n.count for n in names_seen(workspace_id=huerta.id)}
    assert len(found) == 6
    assert sum(found.values()) == 50
    assert found[seen.OTHERS] > 20
    assert max(map(len, found)) <= seen.MOST_CHARACTERS
    assert len(properties_seen(workspace_id=huerta.id, name="n0")) == 4
    assert sum(d.count for d in counts_by_day(workspace_id=huerta.id, since=date(2000, 1, 1))) == 50
    assert len(fetch_all("SELECT DISTINCT name FROM event_day")) == 6
    arrive(huerta, at, event(at, "new", source_id=2))  # another source has room of its own
    assert "new" in {n.name for n in names_seen(workspace_id=huerta.id)}


NAMES = st.sampled_from(["video", "search", "page", "x"])
VALUES = st.one_of(st.none(), st.booleans(), st.integers(0, 9), st.sampled_from(["a", "2026-03-10", [1], {"b": 2}]))
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["track", "page", "identify"]), NAMES, st.integers(0, 2), st.booleans(), st.integers(0, 50),
        st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=3),
    ),
    max_size=30,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_events=EVENTS)
def test_counting_live_and_counting_anew_give_the_same(huerta: Any, at: datetime, given_events: list[Any]) -> None:
    for table in (*TABLES, "event_inbox"):
        execute(f"DELETE FROM {table}")
    before = len(fetch_all("SELECT 1 FROM event"))
    recount(huerta.id)
    for kind, name, source, queue, hours, properties in given_events:
        new = event(at, name, kind, source_id=source, properties=properties)
        when = at + timedelta(hours=hours)
        record_events(workspace_id=huerta.id, events=[new], received_at=when, queue=queue)
        if hours % 3 == 0:
            take(huerta, at)
    waiting = rows()
    recount(huerta.id)  # events still wait: they are not counted yet
    assert rows() == waiting
    take(huerta, at)
    live = rows()
    recount(huerta.id)
    assert rows() == live
    assert sum(n.count for n in names_seen(workspace_id=huerta.id)) == before + len(given_events)


def test_history_that_is_filled_in_counts_after_a_recount(huerta: Any, other_co: Any, at: datetime) -> None:
    old = at - timedelta(days=40)
    record_events(workspace_id=huerta.id, events=[event(old)], received_at=None, queue=False)
    take(huerta, at)
    assert names_seen(workspace_id=huerta.id) == []
    recount(huerta.id)
    assert [(d.day, d.count) for d in counts_by_day(workspace_id=huerta.id, since=date(2020, 1, 1))] == [
        (old.date(), 1)
    ]
    assert names_seen(workspace_id=other_co.id) == []


def test_the_latest_come_first_by_receipt(huerta: Any, other_co: Any, at: datetime) -> None:
    for n in range(5):
        received = at + timedelta(days=30 * n)
        record_events(
            workspace_id=huerta.id, received_at=received,
            events=[event(at - timedelta(days=n), f"n{n % 2}", source_id=n % 3, properties={"n": n})],
        )  # fmt: skip

    def shown(**more: Any) -> list[int]:
        return [e.properties["n"] for e in latest_events(workspace_id=huerta.id, **more)]

    assert shown() == [4, 3, 2, 1, 0]
    assert shown(limit=2) == [4, 3]
    assert shown(name="n1") == [3, 1]
    assert shown(source_id=1) == [4, 1]
    third = latest_events(workspace_id=huerta.id)[2].id
    assert shown(after_id=third) == [4, 3]
    with workspace_scope(other_co.id):
        assert latest_events(workspace_id=other_co.id) == []


def test_the_latest_are_read_from_the_end_of_an_index(huerta: Any, at: datetime) -> None:
    for month in range(4):
        record_events(
            workspace_id=huerta.id, received_at=at + timedelta(days=31 * month),
            events=[event(at, properties={"n": n}) for n in range(400)],
        )  # fmt: skip
    for way in ("seqscan", "bitmapscan", "sort"):  # cheap in tables as small as these, whatever their statistics say
        execute(f"SET LOCAL enable_{way} = off")
    plan = "\n".join(
        row["QUERY PLAN"]
        for row in fetch_all(
            "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF) SELECT id FROM event WHERE workspace_id = %s"
            " ORDER BY received_at DESC, id DESC LIMIT 20",
            [huerta.id],
        )
    )
    assert "Sort" not in plan
    assert plan.count("never executed") >= 3  # older months


def test_a_batch_counts_whatever_the_order_of_its_events(huerta: Any, at: datetime) -> None:
    events = [event(at, random.choice("abc")) for _ in range(40)]
    arrive(huerta, at, *events)
    assert {n.name: n.count for n in names_seen(workspace_id=huerta.id)} == Counter(e.name for e in events)
