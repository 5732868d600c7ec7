"""Erasing one person from every table, and what stays.

All of it is one transaction, but for the archive of the ledger: its files are written anew afterwards, at once by
`cultiva privacy erase` and within a minute by `schedule`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cultiva.accounts.actions import record_audit
from cultiva.consent.deciding import address_hash
from cultiva.consent.models import ConsentMark, Suppression
from cultiva.consent.standing import block
from cultiva.events.archive import archive_closed, archived_months
from cultiva.leads.actions import lock_leads
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.persons import Fate, Person, Words, count
from cultiva.privacy.models import Erasure
from cultiva.privacy.people import find_person, places

Json = dict[str, Any]

# Reasons of a suppression that say more than an erasure: a consent given later does not end them.
STRICTER = ("objection", "complaint", "manual")


@dataclass(frozen=True)
class Part:
    """What an erasure makes, or would make, of the rows of one table. `label` is empty for ids and figures."""

    table: str
    label: Words
    rows: int
    fate: Fate


def preview_erasure(*, workspace_id: int, lead_id: int, at: datetime) -> list[Part]:
    """What would go and what would stay, and why; tables without a row of theirs are left out."""
    with workspace_scope(workspace_id):
        person = find_person(workspace_id=workspace_id, lead_id=lead_id, at=at)
        parts: dict[str, Part] = {}
        for place in reversed(places()):
            rows = count(person, place)
            before = parts.get(place.table)
            if rows and (before is None or before.rows < rows or not before.label):
                parts[place.table] = Part(place.table, place.label, rows, place.fate)
        return sorted(parts.values(), key=lambda part: (ORDER[part.fate.outcome], str(part.label) or "~", part.table))


ORDER = {"deleted": 0, "emptied": 1, "kept": 2}


def erase_person(
    *, workspace_id: int, lead_id: int, at: datetime, by: str, request_id: int | None = None, suppresses: bool = True
) -> Erasure:
    """Empty or delete all that is about a person; to be repeated safely. Raises Lead.DoesNotExist.

    The chains of consent stay whole. `suppresses`: a keyed hash of each address keeps them from coming back unasked;
    who is erased without having asked for it leaves none.
    """
    with workspace_scope(workspace_id):
        person = _lock(workspace_id, lead_id, at)
        months = _archived_months(person)
        counts: dict[str, int] = {}
        for place in reversed(places()):
            counts[place.table] = counts.get(place.table, 0) + place.fate.run(person, place)
        if suppresses:
            suppress_addresses(person)
        block(workspace_id=workspace_id, lead_id=person.lead_ids[0], at=at)
        ConsentMark.objects.filter(workspace_id=workspace_id, lead_id__in=person.lead_ids).update(
            blocked_at=at, valid_since=None, profiled_since=None
        )
        erasure = Erasure.objects.create(
            workspace_id=workspace_id, lead_id=person.lead_ids[0], request_id=request_id, at=at, by=by,
            counts={table: rows for table, rows in counts.items() if rows}, months=months,
            archive_written_at=None if months else at,
        )  # fmt: skip
        record_audit(
            workspace_id=workspace_id, actor=by, action="lead.erased", target=f"lead:{person.lead_ids[0]}", at=at,
            detail={"leads": list(person.lead_ids), "rows": erasure.counts, "request": request_id},
        )  # fmt: skip
    return erasure


def write_archive_anew(*, workspace_id: int, at: datetime) -> int:
    """Months of the archive that still hold somebody who was erased; returns how many erasures are done with."""
    with workspace_scope(workspace_id):
        waiting = list(Erasure.objects.filter(workspace_id=workspace_id, archive_written_at=None).order_by("id"))
    if not waiting:
        return 0
    known = {month.month for month in archived_months(workspace_id)}
    months = known & {month for erasure in waiting for month in erasure.months}
    if months:
        archive_closed(workspace_id=workspace_id, at=at, again=sorted(months))
    with workspace_scope(workspace_id):
        ids = [erasure.id for erasure in waiting]
        return Erasure.objects.filter(workspace_id=workspace_id, id__in=ids).update(archive_written_at=at)


def suppress_addresses(person: Person) -> None:
    """Keyed hashes of the addresses; a stricter reason stays."""
    for key in person.address_keys:
        known, is_new = Suppression.objects.get_or_create(
            workspace_id=person.workspace_id, address_hash=address_hash(key),
            defaults={"reason": "erasure", "created_at": person.at},
        )  # fmt: skip
        if not is_new and known.reason not in STRICTER:
            known.reason, known.created_at = "erasure", person.at
            known.save(update_fields=["reason", "created_at"])


def _lock(workspace_id: int, lead_id: int, at: datetime) -> Person:
    """Nobody changes or merges them meanwhile; again where a merge came in between."""
    while True:
        person = find_person(workspace_id=workspace_id, lead_id=lead_id, at=at)
        lock_leads(workspace_id=workspace_id, lead_ids=sorted(person.lead_ids))
        again = find_person(workspace_id=workspace_id, lead_id=lead_id, at=at)
        if again.lead_ids == person.lead_ids:
            return again


def _archived_months(person: Person) -> Sequence[str]:
    rows = fetch_all(load_sql("events", "months_of_person"), person.parameters)
    known = {month.month for month in archived_months(person.workspace_id)}
    return [row["month"] for row in rows if row["month"] in known]
