"""What comes in: names of events, how many a day, their properties, and the latest.

Counted in the transaction that takes an event out of the inbox, so each counts once. A sender of garbage fills
nothing: of each source so many names are kept apart, of each name so many properties.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cultiva.events.actions import LedgerEvent
from cultiva.events.batch import Batch
from cultiva.events.inbox import hold_every_shard
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope

MOST_NAMES = 2000  # of a source
MOST_PROPERTIES = 200  # of a name
MOST_CHARACTERS = 200  # of a name or property: longer ones are cut, an index holds them
LOOK_BACK = 100_000  # events among which the latest of one name or source are looked for
OTHERS = ""  # the name that stands for those beyond the most


@dataclass(frozen=True)
class NameSeen:
    """Times are of receipt. `name` is OTHERS for all names of the source beyond the most."""

    source_id: int
    kind: str
    name: str
    first_seen_at: datetime
    last_seen_at: datetime
    count: int
    last_event_id: int


@dataclass(frozen=True)
class DayCount:
    """A day in the workspace's time zone, and how many events were received on it."""

    day: date
    count: int


@dataclass(frozen=True)
class PropertySeen:
    """`types`: array, boolean, date (a string that reads as one), number, object, string."""

    property: str
    types: list[str]
    last_seen_at: datetime


def note_seen(batch: Batch) -> None:
    """The step of `flow` that counts new events, those that steps recorded themselves among them."""
    events = [*batch.events, *batch.passed_on]
    if events:
        named, dayed, typed = _add_up(events)
        note_added_up(
            workspace_id=batch.workspace_id, named=json.dumps(named), dayed=json.dumps(dayed), typed=json.dumps(typed)
        )


def note_added_up(*, workspace_id: int, named: str, dayed: str, typed: str) -> None:
    """Count events that are added up already, as JSON arrays (sql/seen_in_batch.sql says of what)."""
    _note("seen_in_batch", {"workspace": workspace_id, "named": named, "dayed": dayed, "typed": typed})


def recount(workspace_id: int) -> None:
    """Count anew, from the ledger: after history was filled in, or the time zone changed.

    Events that wait in the inbox are counted when they are taken; nobody takes one meanwhile.
    """
    with workspace_scope(workspace_id):
        hold_every_shard(workspace_id)
        for table in ("event_name", "event_day", "event_property"):
            execute(f"DELETE FROM {table} WHERE workspace_id = %s", [workspace_id])  # noqa: S608
        _note("seen_in_ledger", {"workspace": workspace_id})


def _note(seen: str, parameters: dict[str, object]) -> None:
    """Three statements, in this order: the names decide for the other two, and locks are taken in one order."""
    for statement, most in (("note_names", MOST_NAMES), ("note_days", 0), ("note_properties", MOST_PROPERTIES)):
        execute(
            f"WITH {load_sql('events', seen)}, {load_sql('events', statement)}",
            {**parameters, "most": most, "length": MOST_CHARACTERS},
        )


Rows = list[dict[str, Any]]
DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
TYPES = {bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}


def _add_up(events: Sequence[LedgerEvent]) -> tuple[Rows, Rows, Rows]:
    """What seen_in_ledger.sql adds up of the ledger, of events in hand: the same events are not read once more."""
    named: dict[Any, dict[str, Any]] = {}
    dayed: Counter[Any] = Counter()
    typed: dict[Any, dict[str, Any]] = {}
    for event in events:
        assert event.received_at is not None
        key = (event.source_id, event.kind, event.name[:MOST_CHARACTERS])
        dayed[key, event.received_at.replace(second=0, microsecond=0)] += 1
        _widen(named, key, event.id, event.received_at)["n"] += 1
        for name, value in event.properties.items():
            if value is not None:
                _widen(typed, (key, name[:MOST_CHARACTERS], property_type(value)), event.id, event.received_at)
    by = ("source_id", "kind", "name")
    return (
        [dict(zip(by, key, strict=True)) | _as_text(row) for key, row in named.items()],
        [
            dict(zip(by, key, strict=True)) | {"received_at": minute.isoformat(), "n": n}
            for (key, minute), n in dayed.items()
        ],
        [
            dict(zip(by, key, strict=True)) | {"property": name, "type": type_} | _as_text(row)
            for (key, name, type_), row in typed.items()
        ],
    )


def _widen(rows: dict[Any, dict[str, Any]], key: Any, event_id: int, at: datetime) -> dict[str, Any]:
    row = rows.get(key)
    if row is None:
        row = rows[key] = {"n": 0, "first_at": at, "last_at": at, "first_id": event_id, "last_id": event_id}
    else:
        row["first_at"], row["last_at"] = min(row["first_at"], at), max(row["last_at"], at)
        row["first_id"], row["last_id"] = min(row["first_id"], event_id), max(row["last_id"], event_id)
    return row


def _as_text(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "first_at": row["first_at"].isoformat(), "last_at": row["last_at"].isoformat()}


def property_type(value: Any) -> str:
    """As event_property_type() in migrations/0005_flow.py."""
    if isinstance(value, str):
        return "date" if DATE.fullmatch(value) else "string"
    return TYPES[type(value)]


def names_seen(*, workspace_id: int, source_id: int | None = None) -> list[NameSeen]:
    """Names of events by source and kind, those seen last first."""
    with workspace_scope(workspace_id):
        rows = fetch_all(load_sql("events", "names_seen"), {"workspace": workspace_id, "source": source_id})
    return [NameSeen(**row) for row in rows]


def counts_by_day(
    *, workspace_id: int, since: date, name: str | None = None, source_id: int | None = None
) -> list[DayCount]:
    """How many events came each day from `since` on; days without any are left out."""
    parameters = {"workspace": workspace_id, "since": since, "name": name, "source": source_id}
    with workspace_scope(workspace_id):
        return [DayCount(**row) for row in fetch_all(load_sql("events", "counts_by_day"), parameters)]


def count_named(*, workspace_id: int, names: Sequence[str], since: date) -> dict[str, int]:
    """{name: how many came since that day}, with those that came without consent and are only counted."""
    parameters = {"workspace": workspace_id, "names": list(names), "since": since}
    with workspace_scope(workspace_id):
        return {row["name"]: row["count"] for row in fetch_all(load_sql("events", "count_named"), parameters)}


def properties_seen(*, workspace_id: int, name: str, kind: str | None = None) -> list[PropertySeen]:
    """What events of a name carry, by property."""
    parameters = {"workspace": workspace_id, "name": name, "kind": kind}
    with workspace_scope(workspace_id):
        return [PropertySeen(**row) for row in fetch_all(load_sql("events", "properties_seen"), parameters)]


def latest_events(
    *, workspace_id: int, source_id: int | None = None, name: str | None = None, after_id: int | None = None,
    limit: int = 50,
) -> Sequence[LedgerEvent]:  # fmt: skip
    """What came last, newest receipt first, of the workspace's newest 100,000 events.

    `after_id`: those with greater ids, received at most a minute before that one.
    """
    parameters = {
        "workspace": workspace_id, "source": source_id, "name": name, "after": after_id or 0, "limit": limit,
        "look_back": LOOK_BACK,
    }  # fmt: skip
    with workspace_scope(workspace_id):
        return [LedgerEvent(**row) for row in fetch_all(load_sql("events", "latest_events"), parameters)]
