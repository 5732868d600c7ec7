"""Messages that could not become events: kept, read again, discarded; rows that the database refuses."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from cultiva.accounts.actions import create_workspace
from cultiva.events import line as lines
from cultiva.events.line import DatabaseAway, Line
from cultiva.events.messages import Arrival, EventRow, Parcel, make_parcel
from cultiva.events.models import EventSource
from cultiva.events.quarantine import count_dropped, discard, list_quarantined, retry
from cultiva.events.sources import Source, create_source, find_source
from cultiva.events.writing import write_apart
from cultiva.lib.database import fetch_all, workspace_scope


@pytest.fixture
def source(django_db_blocker: Any, django_db_setup: None, at: datetime, request: Any) -> Iterator[Source]:
    """A source whose events are written over another connection, so what is written stays."""
    with django_db_blocker.unblock():
        workspace = create_workspace(slug="", name=request.node.name[:60], at=at)
        _row, key = create_source(workspace_id=workspace.id, key="web", name="Web", at=at)
        found = find_source(key)
        assert found
        yield found
        connection.close()


def arrive(source: Source, at: datetime, *messages: Any) -> Parcel:
    return make_parcel(list(messages), Arrival(source=source, received_at=at, ip="192.0.2.1", user_agent="test"))


def write(*parcels: Parcel) -> None:
    async def run() -> None:
        line = Line()
        for parcel in parcels:
            await write_apart(line, parcel)
        line.drop()

    asyncio.run(run())


def stored(source: Source) -> list[dict[str, Any]]:
    with workspace_scope(source.workspace_id):
        return fetch_all("SELECT name, occurred_at, received_at, properties, context FROM event ORDER BY id")


def test_a_message_is_read_again_by_the_rules_of_the_day(
    source: Source, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = at - timedelta(days=3)
    write(
        arrive(
            source, long_ago, {"type": "track", "event": "A", "userId": "7"}, {"type": "track", "event": "B"},
            {"type": "purchase", "event": "C", "userId": "7", "properties": {"n": 1}},
        )
    )  # fmt: skip
    kept = list_quarantined(workspace_id=source.workspace_id)
    assert [(each.code, json.loads(each.payload)["event"]) for each in kept] == [("unknown_type", "C"), ("no_id", "B")]
    ids = [each.id for each in kept]
    assert vars(retry(workspace_id=source.workspace_id, ids=ids, at=at)) == {"stored": 0, "faulty": 2, "uncovered": 0}

    monkeypatch.setattr("cultiva.events.messages.KINDS", frozenset({"purchase", "track"}))
    assert vars(retry(workspace_id=source.workspace_id, ids=ids, at=at)) == {"stored": 1, "faulty": 1, "uncovered": 0}
    assert [(e["name"], e["received_at"], e["properties"]) for e in stored(source)] == [
        ("A", long_ago, {}),
        ("purchase", long_ago, {"n": 1}),
    ]
    with workspace_scope(source.workspace_id):
        assert fetch_all("SELECT count(*) AS n FROM event_inbox")[0]["n"] == 2
    assert discard(workspace_id=source.workspace_id, ids=ids) == 1
    assert list_quarantined(workspace_id=source.workspace_id) == []


def test_a_source_that_asks_for_consent_since_counts_what_is_read_again(source: Source, at: datetime) -> None:
    write(arrive(source, at, {"type": "track", "userId": "7"}))
    with workspace_scope(source.workspace_id):
        EventSource.objects.update(requires_tracking_consent=True)
    ids = [each.id for each in list_quarantined(workspace_id=source.workspace_id, source_id=source.id)]
    assert retry(workspace_id=source.workspace_id, ids=ids, at=at).uncovered == 1
    assert list_quarantined(workspace_id=source.workspace_id) == []
    with workspace_scope(source.workspace_id):
        assert fetch_all("SELECT kind, name, count FROM event_uncovered") == [{"kind": "track", "name": "", "count": 1}]


def test_the_same_message_again_is_counted_once_more(source: Source, at: datetime) -> None:
    parcel = arrive(source, at, {"type": "track", "userId": "7"}, {"type": "track", "userId": "7"})
    write(parcel, parcel)
    assert [each.times for each in list_quarantined(workspace_id=source.workspace_id)] == [4]


def test_a_full_quarantine_keeps_the_newest_and_counts_the_others(
    source: Source, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MOST_QUARANTINED", 5)
    write(*(arrive(source, at, {"type": "track", "n": number}) for number in range(8)))
    kept = list_quarantined(workspace_id=source.workspace_id, limit=3)
    assert [json.loads(each.payload)["n"] for each in kept] == [7, 6, 5]
    rest = list_quarantined(workspace_id=source.workspace_id, before_id=kept[-1].id)
    assert [json.loads(each.payload)["n"] for each in rest] == [4, 3]
    assert count_dropped(workspace_id=source.workspace_id) == {source.id: 3}


def test_a_row_that_the_database_refuses_is_quarantined_and_its_neighbours_are_stored(
    source: Source, at: datetime
) -> None:
    parcel = arrive(source, at, *({"type": "track", "event": f"E{n}", "userId": "7"} for n in range(20)))
    parcel.rows[3] = parcel.rows[3]._replace(properties="{no json")
    parcel.rows[11] = parcel.rows[11]._replace(actor="nobody")
    parcel.rows[12] = parcel.rows[12]._replace(context='{"a": "\\u0000"}')
    parcel.uncovered[(source.id, at.date(), "track", "x")] = 2
    write(parcel)
    assert {e["name"] for e in stored(source)} == {f"E{n}" for n in range(20) if n not in (3, 11, 12)}
    kept = list_quarantined(workspace_id=source.workspace_id)
    assert {each.code for each in kept} == {"refused"}
    assert len(kept) == 3
    assert all(each.message.startswith("The database refused it: ") for each in kept)
    with workspace_scope(source.workspace_id):
        assert fetch_all("SELECT count FROM event_uncovered") == [{"count": 2}]
    ids = [each.id for each in kept]
    assert retry(workspace_id=source.workspace_id, ids=ids, at=at).stored == 2  # nothing is wrong with the messages


def test_several_months_and_sources_go_in_one_parcel(source: Source, at: datetime) -> None:
    month = timedelta(days=31)
    rows: list[EventRow] = []
    for number in range(6):
        rows += arrive(source, at - number * month, {"type": "page", "userId": "7"}).rows
    write(Parcel(source.workspace_id, rows))
    assert len(stored(source)) == 6


def test_a_database_that_is_not_there_is_told_from_a_row_that_is_wrong(
    source: Source, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "address", lambda: {"host": "127.0.0.1", "port": 1, "user": "x", "database": "x"})
    with pytest.raises(DatabaseAway):
        write(arrive(source, at, {"type": "page", "userId": "7"}))
