"""Messages that could not become events: looked at, tried again, or discarded."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cultiva.events.actions import make_partitions
from cultiva.events.line import MOST_NAMES, event_columns, uncovered_columns
from cultiva.events.messages import Arrival, EventRow, Fault, Parcel, make_parcel, read_sent_at, translate
from cultiva.events.models import EventQuarantine, EventQuarantineDropped, EventSource
from cultiva.events.sources import Source
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope


@dataclass(frozen=True)
class Quarantined:
    """A message in quarantine. `payload` is what was sent, as JSON text; `times`: how often it came."""

    id: int
    source_id: int
    received_at: datetime
    code: str
    message: str
    payload: str
    is_cut: bool
    times: int


@dataclass(frozen=True)
class RetryResult:
    """How many messages became events, how many are still faulty, how many could only be counted (no consent)."""

    stored: int = 0
    faulty: int = 0
    uncovered: int = 0


def list_quarantined(
    *, workspace_id: int, source_id: int | None = None, before_id: int | None = None, limit: int = 50
) -> list[Quarantined]:
    """Newest first; `before_id` continues below one already seen."""
    with workspace_scope(workspace_id):
        rows = EventQuarantine.objects.filter(workspace_id=workspace_id)
        if source_id is not None:
            rows = rows.filter(source_id=source_id)
        if before_id is not None:
            rows = rows.filter(id__lt=before_id)
        return [
            Quarantined(r.id, r.source_id, r.received_at, r.code, r.message, r.payload, r.is_cut, r.times)
            for r in rows.order_by("-id")[:limit]
        ]


def count_dropped(*, workspace_id: int) -> dict[int, int]:
    """{source id: how many went because its quarantine was full}."""
    with workspace_scope(workspace_id):
        return dict(
            EventQuarantineDropped.objects.filter(workspace_id=workspace_id)
            .order_by("source_id")
            .values_list("source_id", "count")
        )


def discard(*, workspace_id: int, ids: Sequence[int]) -> int:
    """Remove messages for good; returns how many there were."""
    with workspace_scope(workspace_id):
        return EventQuarantine.objects.filter(workspace_id=workspace_id, id__in=ids).delete()[0]


def retry(*, workspace_id: int, ids: Sequence[int], at: datetime) -> RetryResult:
    """Read messages again by the rules and the source of today: what passes is stored as received when it came.

    `at` dates the reason of what does not. A message that was too long to be kept whole stays as it is.
    """
    result = RetryResult()
    with workspace_scope(workspace_id):
        sources = {s.id: s for s in EventSource.objects.filter(workspace_id=workspace_id).order_by("id")}
        rows = EventQuarantine.objects.filter(workspace_id=workspace_id, id__in=ids).select_for_update().order_by("id")
        passed: list[EventRow] = []
        for row in rows:
            try:
                parcel = _read_again(row, sources)
            except Fault as fault:
                row.code, row.message = fault.code, str(fault)
                row.save(update_fields=["code", "message"])
                result = replace(result, faulty=result.faulty + 1)
                continue
            passed += parcel.rows
            _count_uncovered(parcel)
            result = replace(result, uncovered=result.uncovered + sum(parcel.uncovered.values()))
            row.delete()
        _store(workspace_id, passed)
    return replace(result, stored=len(passed))


def _read_again(row: EventQuarantine, sources: dict[int, EventSource]) -> Parcel:
    """A parcel of one event or one count; raises Fault."""
    if row.is_cut:
        raise Fault(row.code, row.message)
    source = sources.get(row.source_id)
    if source is None:
        raise Fault("no_source", "Its source is no more.")
    arrival = Arrival(
        source=Source(
            workspace_id=source.workspace_id,
            id=source.id,
            kind=source.kind,
            is_secret=row.arrival["is_secret"],
            allowed_origins=source.allowed_origins,
            requires_tracking_consent=source.requires_tracking_consent,
            consent_category=source.consent_category,
            makes_leads=source.makes_leads,
            requests_per_second=source.requests_per_second,
        ),
        received_at=row.received_at,
        sent_at=read_sent_at(row.arrival["sent_at"]),
        ip=row.arrival["ip"],
        user_agent=row.arrival["user_agent"],
    )
    message = json.loads(row.payload)
    counted = make_parcel([message], arrival)
    if counted.uncovered:
        return counted
    return Parcel(row.workspace_id, [translate(message, arrival, message_id=f"quarantine:{row.id}")])


def _store(workspace_id: int, rows: list[EventRow]) -> None:
    if rows:
        make_partitions(row.received_at for row in rows)
        _run("collect_events", workspace=workspace_id, queue=True, **event_columns(rows))


def _count_uncovered(parcel: Parcel) -> None:
    if parcel.uncovered:
        columns = uncovered_columns(parcel.uncovered)
        _run("count_uncovered", workspace=parcel.workspace_id, most=MOST_NAMES, **columns)


def _run(name: str, **values: Any) -> None:
    """A statement of the collector, over Django's connection."""
    sql = load_sql("events", name).replace("{queue_events}", load_sql("events", "queue_events"))
    parameters = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
    if name == "collect_events":
        fetch_all(sql, parameters)
    else:
        execute(sql, parameters)
