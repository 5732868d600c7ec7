"""What comes in: names of events, how many a day, their properties, and the latest.

Counted in the transaction that takes an event out of the inbox, so each counts once. A sender of garbage fills
nothing: of each source so many names are kept apart, of each name so many properties.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

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
        parameters = {
            "workspace": batch.workspace_id,
            "ids": [event.id for event in events],
            "received": [event.received_at for event in events],
        }
        _note("seen_in_batch", parameters)


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


def properties_seen(*, workspace_id: int, name: str, kind: str | None = None) -> list[PropertySeen]:
    """What events of a name carry, by property."""
    parameters = {"workspace": workspace_id, "name": name, "kind": kind}
    with workspace_scope(workspace_id):
        return [PropertySeen(**row) for row in fetch_all(load_sql("events", "properties_seen"), parameters)]


def latest_events(
    *, workspace_id: int, source_id: int | None = None, name: str | None = None, after_id: int | None = None,
    limit: int = 50,
) -> Sequence[LedgerEvent]:  # fmt: skip
    """What came last, newest receipt first, of the workspace's newest 100,000 events; `after_id`: with greater ids."""
    parameters = {
        "workspace": workspace_id, "source": source_id, "name": name, "after": after_id or 0, "limit": limit,
        "look_back": LOOK_BACK,
    }  # fmt: skip
    with workspace_scope(workspace_id):
        return [LedgerEvent(**row) for row in fetch_all(load_sql("events", "latest_events"), parameters)]
