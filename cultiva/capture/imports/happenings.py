"""Writing a chunk of a file's events, as a set."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson
from django.utils.translation import gettext

from cultiva.capture.imports.mapping import Plan
from cultiva.capture.imports.rows import Happening
from cultiva.capture.imports.tables import Bad
from cultiva.capture.models import Import
from cultiva.events.actions import visitor_of
from cultiva.events.models import EventSource
from cultiva.events.staged import StagedEvent, record_staged
from cultiva.leads.commerce import RESERVED, recount
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.refusals import Refusal
from cultiva.lib.staging import staged
from cultiva.scoring.models import Score

DEFAULT_SOURCE = "import"


class NoSource(Refusal):
    """The events cannot be put down to a source that is not there."""


TELLING = ("identify", "alias", "group")  # who somebody is: flow learns it from these


def write(run: Import, plan: Plan, rows: Sequence[Happening | Bad], at: datetime) -> tuple[Counter[str], list[Bad]]:
    """Counts {rows, created, duplicate, invalid} and what could not be taken."""
    source_id = find_source_id(run.workspace_id, plan, at)
    events, rejects = _to_events(run, rows, source_id)
    new = record_staged(workspace_id=run.workspace_id, events=events, at=at)
    _touch(run.workspace_id, events, at)
    counts = Counter(rows=len(rows), created=new, duplicate=len(events) - new, invalid=len(rejects))
    return counts, rejects


def find_source_id(workspace_id: int, plan: Plan, at: datetime) -> int:
    """The source that the events are put down to; `import` is made where it is missing."""
    key = plan.event_source or DEFAULT_SOURCE
    found = EventSource.objects.filter(workspace_id=workspace_id, key=key).first()
    if found is None and key == DEFAULT_SOURCE:
        found, _ = EventSource.objects.get_or_create(
            workspace_id=workspace_id, key=key,
            defaults={"name": "Imports", "kind": "import", "makes_leads": False, "created_at": at},
        )  # fmt: skip
    if found is None:
        raise NoSource(
            gettext("No event source %(source)r.") % {"source": key},
            gettext("create it with the command: %(command)s") % {"command": f"cultiva source create --key {key} ..."},
        )
    return found.id


def _to_events(run: Import, rows: Sequence[Happening | Bad], source_id: int) -> tuple[list[StagedEvent], list[Bad]]:
    workspace_id = run.workspace_id
    rejects = [row for row in rows if isinstance(row, Bad)]
    lead_of = _leads_of(workspace_id, rows)
    events = []
    for row in rows:
        if isinstance(row, Bad):
            continue
        visitor, lead_id = None, None
        if row.user_id or row.anonymous_id:
            visitor = visitor_of(
                workspace_id=workspace_id, source_id=source_id, user_id=row.user_id, anonymous_id=row.anonymous_id
            )
        else:
            lead_id = lead_of.get(row.email_key or "")
            if lead_id is None:
                reason = gettext("no lead has the address %(email)s; import the leads first")
                rejects.append(Bad(row.line, reason % {"email": row.email_key}, []))
                continue
        context = row.context | {"import": run.id}
        if row.user_id:
            context["user_id"] = row.user_id
        if row.anonymous_id:
            context["anonymous_id"] = row.anonymous_id
        events.append(
            StagedEvent(
                kind=row.kind,
                name=row.name,
                occurred_at=row.occurred_at,
                message_id=row.message or _message(row),
                source_id=source_id,
                visitor=visitor,
                lead_id=lead_id,
                by="lead",
                properties=row.properties,
                context=context,
                is_queued=row.kind in TELLING,
            )
        )
    return events, rejects


def _message(row: Happening) -> str:
    """The same row gives the same message, wherever it stands in whatever file."""
    said = [row.kind, row.name, row.occurred_at.isoformat(), row.user_id, row.anonymous_id, row.email_key]
    text = orjson.dumps([*said, row.properties], option=orjson.OPT_SORT_KEYS)
    return "row:" + hashlib.blake2b(text, digest_size=16).hexdigest()


def _leads_of(workspace_id: int, rows: Sequence[Happening | Bad]) -> dict[str, int]:
    keys = {row.email_key for row in rows if isinstance(row, Happening) and row.email_key and not row.user_id}
    if not keys:
        return {}
    found = fetch_all(
        "SELECT email_key, id FROM lead WHERE workspace_id = %s AND email_key = ANY (%s)", [workspace_id, list(keys)]
    )
    return {row["email_key"]: row["id"] for row in found}


def _touch(workspace_id: int, events: Sequence[StagedEvent], at: datetime) -> None:
    """History starts no workflow and greets nobody; the scores it bears on are due. Users known by their id are
    linked."""
    users = {event.visitor: str(event.context["user_id"]) for event in events if "user_id" in event.context}
    visitors = list({event.visitor for event in events if event.visitor})
    if users:
        parameters = {"workspace": workspace_id, "at": at, "visitors": list(users), "users": list(users.values())}
        execute(load_sql("capture", "link_known_users"), parameters)
    leads = {event.lead_id for event in events if event.lead_id}
    if visitors:
        rows = fetch_all(load_sql("leads", "leads_of_visitors"), {"workspace": workspace_id, "visitors": visitors})
        leads |= {row["lead_id"] for row in rows}
    if any(event.name in RESERVED for event in events):
        recount(workspace_id=workspace_id, lead_ids=sorted(leads))
    Score.objects.filter(workspace_id=workspace_id, lead_id__in=leads).update(next_change_at=at)


class Memory:
    """What a rehearsal remembers: the messages of the rows before."""

    def __enter__(self) -> "Memory":
        execute("CREATE TEMPORARY TABLE rehearsed_message (message_hash bytea PRIMARY KEY)")
        return self

    def __exit__(self, *_: object) -> None:
        execute("DROP TABLE IF EXISTS rehearsed_message")


def count(
    run: Import, plan: Plan, rows: Sequence[Happening | Bad], at: datetime, _memory: Memory, rejects: list[Bad]
) -> Counter[str]:
    """The counts that `write` would give."""
    source_id = find_source_id(run.workspace_id, plan, at)
    events, refused = _to_events(run, rows, source_id)
    rejects += refused[: max(0, 20 - len(rejects))]
    with staged("staged_message", "source_id bigint, message_hash bytea", _hashes(events)):
        new = fetch_all(load_sql("capture", "count_new_messages"), {"workspace": run.workspace_id})[0]["new"]
    return Counter(rows=len(rows), created=new, duplicate=len(events) - new, invalid=len(refused))


def _hashes(events: Sequence[StagedEvent]) -> Iterator[tuple[Any, ...]]:
    for event in events:
        yield event.source_id, hashlib.blake2b(event.message_id.encode(), digest_size=16).digest()
