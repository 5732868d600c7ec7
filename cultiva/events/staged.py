"""Writing to the ledger by the ten thousand: what files bring in."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from cultiva.events.actions import make_partitions
from cultiva.events.models import OWN_SOURCE
from cultiva.events.seen import MOST_CHARACTERS, note_added_up
from cultiva.lib.database import fetch_all, load_sql
from cultiva.lib.folding import folded_where_different
from cultiva.lib.staging import staged

Json = dict[str, Any]

COLUMNS = """
  source_id bigint, message_hash bytea, kind text, name text, visitor uuid, lead_id bigint,
  occurred_at timestamptz, by text, properties jsonb, folded jsonb, context jsonb, is_queued boolean
"""


class StagedEvent(NamedTuple):
    """As `NewEvent`. An empty `message_id` says that nobody can send this again. `is_queued`: flow looks at it."""

    kind: str
    occurred_at: datetime
    message_id: str = ""
    name: str = ""
    source_id: int = OWN_SOURCE
    visitor: uuid.UUID | None = None
    lead_id: int | None = None
    by: str = "system"
    properties: Json = {}
    context: Json = {}
    is_queued: bool = True


def record_staged(*, workspace_id: int, events: Iterable[StagedEvent], at: datetime) -> int:
    """Store events once each, all received at `at`; returns how many were new.

    Their messages are remembered for good, so that a file brought in again next year changes nothing.
    """
    make_partitions([at])
    with staged("staged_event", COLUMNS, _rows(events)):
        parameters = {"workspace": workspace_id, "at": at, "length": MOST_CHARACTERS}
        stored = fetch_all(load_sql("events", "record_staged"), parameters)[0]
    if stored["named"]:
        note_added_up(workspace_id=workspace_id, named=stored["named"], dayed=stored["dayed"], typed=stored["typed"])
    return int(stored["new"])


def _rows(events: Iterable[StagedEvent]) -> Iterator[tuple[Any, ...]]:
    seen: set[tuple[int, str]] = set()  # ON CONFLICT does not see rows of its own statement
    for event in events:
        digest = None
        if event.message_id:
            message = event.source_id, event.message_id
            if message in seen:
                continue
            seen.add(message)
            digest = hashlib.blake2b(event.message_id.encode(), digest_size=16).digest()
        folded = folded_where_different(event.properties)
        yield (
            event.source_id, digest, event.kind, event.name or event.kind, event.visitor, event.lead_id,
            event.occurred_at, event.by, to_json(event.properties), to_json(folded) if folded else None,
            to_json(event.context), event.is_queued,
        )  # fmt: skip


def to_json(value: Any) -> str:
    """As json.dumps, much faster where it can be."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # whole numbers beyond 64 bit
        return json.dumps(value, ensure_ascii=False)
