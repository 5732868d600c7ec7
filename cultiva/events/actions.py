"""Writing to the ledger, and taking what is new from it."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction

from cultiva.events.models import OWN_SOURCE
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.folding import folded_where_different

Json = dict[str, Any]
SKEW = timedelta(minutes=1)  # later than this after its receipt, an event is dated at its receipt


@dataclass(frozen=True)
class NewEvent:
    """An event to be recorded. `message_id` makes it one fact per source: the same id again changes nothing."""

    kind: str
    message_id: str
    occurred_at: datetime
    name: str = ""  # empty: the kind
    source_id: int = OWN_SOURCE
    visitor: uuid.UUID | None = None
    lead_id: int | None = None
    by: str = "lead"
    actor: str = "unknown"
    properties: Json = field(default_factory=dict)
    context: Json = field(default_factory=dict)


@dataclass(frozen=True)
class LedgerEvent:
    """An event as it stands in the ledger; `lead_id` is None until its visitor is known."""

    id: int
    source_id: int
    kind: str
    name: str
    visitor: uuid.UUID | None
    lead_id: int | None
    occurred_at: datetime
    actor: str
    properties: Json
    context: Json
    received_at: datetime | None = None  # None where whoever read it did not ask

    @property
    def is_ours(self) -> bool:
        """Recorded by the product itself: who holds a write key can send any name, and acts follow from ours."""
        return self.source_id == OWN_SOURCE


def record_events(
    *, workspace_id: int, events: Sequence[NewEvent], received_at: datetime | None, queue: bool = True
) -> list[LedgerEvent]:
    """Store events once each; returns those that were new, oldest id first.

    `received_at=None` dates each event's receipt at its own time (history that is filled in). With `queue`, the
    new ones wait in the inbox for `flow`; steps of `flow` itself pass theirs on in the batch instead, and `flow` only
    counts them. History without `queue` is not counted: `events.seen.recount` comes after it.
    """
    if not events:
        return []
    rows = [_to_row(event, received_at or event.occurred_at) for event in events]
    make_partitions(row["received_at"] for row in rows)
    for row in rows:
        row["received_at"], row["occurred_at"] = row["received_at"].isoformat(), row["occurred_at"].isoformat()
    found = fetch_all(
        load_sql("events", "record_events"),
        {
            "workspace": workspace_id,
            "events": json.dumps(rows),
            "queue": queue,
            "count": received_at is not None,
        },
    )
    return [LedgerEvent(**row) for row in found]


def visitor_of(*, workspace_id: int, source_id: int, user_id: str = "", anonymous_id: str = "") -> uuid.UUID:
    """Who acted: of (workspace, user id) where present, else of (workspace, source, anonymous id)."""
    return uuid.UUID(visitor_text(workspace_id, source_id, user_id, anonymous_id))


def visitor_text(workspace_id: int, source_id: int, user_id: str, anonymous_id: str) -> str:
    """`visitor_of` as 32 hexadecimal digits: databases take them, and making an object of them takes longer."""
    if not user_id and not anonymous_id:
        raise ValueError("a visitor needs a user id or an anonymous id")
    text = f"u:{workspace_id}:{user_id}" if user_id else f"a:{workspace_id}:{source_id}:{anonymous_id}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def hash_message(message_id: str) -> bytes:
    """By what a message is known again; ids are any text, and some are long."""
    return hashlib.blake2b(message_id.encode(), digest_size=16).digest()


def claim_new_events(*, workspace_id: int, limit: int) -> list[LedgerEvent]:
    """Take what waits in a workspace out of its inbox, for whoever does the work of `flow` in their own transaction.

    It comes back if that transaction fails. What is taken is not counted: `events.seen.recount` comes after it.
    """
    rows = fetch_all(load_sql("events", "claim_new_events"), {"workspace": workspace_id, "limit": limit})
    return [LedgerEvent(**row) for row in rows]


def make_partitions_ahead(*, at: datetime) -> None:
    """This month's partition and the two after it."""
    make_partitions(at + timedelta(days=31 * months) for months in range(3))


def forget_message_keys(*, workspace_id: int, before: datetime, limit: int = 10_000) -> int:
    """Drop keys of messages too old to come again (at least 8 days); returns how many went."""
    return execute(
        load_sql("events", "forget_message_keys"),
        {"workspace": workspace_id, "before": before, "limit": limit},
    )


_known_months: set[date] = set()


def make_partitions(instants: Iterable[datetime]) -> None:
    for month in sorted({instant.date().replace(day=1) for instant in instants} - _known_months):
        name = f"event_{month:%Y_%m}"
        if not fetch_all("SELECT to_regclass(%s) IS NOT NULL AS is_there", [name])[0]["is_there"]:
            execute("SELECT event_make_partition(%s)", [month])
        # Known once this commits: a partition that is rolled back is made again by its next event.
        transaction.on_commit(partial(_known_months.add, month))


def _to_row(event: NewEvent, received_at: datetime) -> Json:
    is_ahead = event.occurred_at > received_at + SKEW  # the sender's clock runs ahead
    return {
        "source_id": event.source_id,
        "message_hash": hash_message(event.message_id).hex(),
        "kind": event.kind,
        "name": event.name or event.kind,
        "visitor": str(event.visitor) if event.visitor else None,
        "lead_id": event.lead_id,
        "occurred_at": received_at if is_ahead else event.occurred_at,
        "received_at": received_at,
        "by": event.by,
        "actor": event.actor,
        "properties": event.properties,
        "folded": folded_where_different(event.properties) or None,
        "context": {**event.context, "clock": "ahead"} if is_ahead else event.context,
    }
