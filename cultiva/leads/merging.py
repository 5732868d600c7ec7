"""Making one lead of two, and two of them again.

Events are never rewritten: the merged lead's visitors are linked to the kept lead, `lead_alias` says who the merged
lead is now, and the view `lead_event` reads both. Everything else follows the registry (lib.holds).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from cultiva.accounts.actions import record_audit
from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.aliases import current_lead_id, current_lead_ids
from cultiva.leads.models import Lead, Merge
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.holds import Change, Glance, Hold, Line, Pair, holds, recorded

__all__ = [
    "Line", "Merge", "MergeRefused", "Preview", "UndoRefused", "current_lead_id", "current_lead_ids", "merge_leads",
    "merges_of", "preview_merge", "undo_merge",
]  # fmt: skip

Json = dict[str, Any]
Rows = dict[str, list[Json]]

# Why two leads cannot be merged, or only where a person insists.
SAME, UNKNOWN, MERGED = "same_lead", "unknown_lead", "already_merged"
EMAIL, USER_ID = "different_email", "different_user_id"
FORCIBLE = (EMAIL, USER_ID)
REASONS = {
    SAME: "a lead is not merged with itself",
    UNKNOWN: "one of them is not a lead of this workspace",
    MERGED: "one of them was merged already: merge the lead they are now",
    EMAIL: "their e-mail addresses differ",
    USER_ID: "their user ids differ",
}


class MergeRefused(ValueError):
    """Two leads cannot be merged. `reasons`: same_lead, unknown_lead, already_merged, different_email,
    different_user_id; the last two alone give way to `force`."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = list(reasons)
        said = "; ".join(REASONS[reason] for reason in reasons)
        hint = "\nhint: a person who knows them both may insist" if set(reasons) <= set(FORCIBLE) else ""
        super().__init__(f"These leads cannot be merged: {said}.{hint}")


class UndoRefused(ValueError):
    """A merge cannot be undone now. `reason`: unknown, undone, erased, taken, or
    later, where `merge` is the one to undo first."""

    def __init__(self, reason: str, merge: Merge | None = None) -> None:
        self.reason, self.merge = reason, merge
        said = {
            "unknown": "There is no such merge.",
            "undone": "This merge was undone already.",
            "erased": "The person was erased since.",
            "later": "One of the two was merged again later.\nhint: undo that merge first",
            "taken": "Another lead has an identifier now that would go back.\nhint: merge with that lead instead",
        }
        super().__init__(said[reason])


@dataclass(frozen=True)
class Preview:
    """What a merge would do, line by line. `reasons`: why it is refused, or needs a person to insist."""

    kept: Lead | None
    merged: Lead | None
    reasons: list[str]
    lines: list[Line]

    @property
    def is_possible(self) -> bool:
        return set(self.reasons) <= set(FORCIBLE)


def preview_merge(*, workspace_id: int, kept_id: int, merged_id: int, at: datetime) -> Preview:
    """What would become of every identifier, attribute, mark and the like, and why.

    The merge itself is done and taken back, so that this page and the merge cannot disagree.
    """
    with workspace_scope(workspace_id):
        found = Lead.objects.in_bulk([kept_id, merged_id])
        kept, merged = found.get(kept_id), found.get(merged_id)
        reasons = _reasons(kept, merged)
        if kept is None or merged is None or not set(reasons) <= set(FORCIBLE):
            return Preview(kept, merged, reasons, [])
        with transaction.atomic():
            _lock(workspace_id, [kept_id, merged_id])
            glance, _ = _join(_begin(workspace_id, kept_id, merged_id, at, by="preview", is_forced=True))
            lines = [line for hold in holds() if hold.says for line in hold.says(glance)]
            transaction.set_rollback(True)
    return Preview(kept, merged, reasons, lines)


def merge_leads(
    *, workspace_id: int, kept_id: int, merged_id: int, at: datetime, by: str, force: bool = False
) -> Merge:
    """The merged lead is the kept one from now on. Raises MergeRefused.

    `by`: as in the audit log (user:7). `force`: a person who saw both insists, though their e-mails or user ids differ.
    Flow scores the kept lead anew; points are never added up.
    """
    with workspace_scope(workspace_id):
        _lock(workspace_id, [kept_id, merged_id])
        found = Lead.objects.in_bulk([kept_id, merged_id])
        reasons = _reasons(found.get(kept_id), found.get(merged_id))
        if [reason for reason in reasons if not (force and reason in FORCIBLE)]:
            raise MergeRefused(reasons)
        pair = _begin(workspace_id, kept_id, merged_id, at, by=by, is_forced=bool(reasons))
        _, changes = _join(pair)
        merge = Merge.objects.get(workspace_id=workspace_id, id=pair.merge_id)
        merge.record = _to_record(changes) | {"notes": pair.notes}
        merge.save(update_fields=["record"])
        _tell(pair, "lead_merged", [kept_id])
    return merge


def undo_merge(*, workspace_id: int, merge_id: int, at: datetime, by: str) -> None:
    """The two are two again: what the merge moved goes back, what happened since stays with the kept lead, and an
    opt-out given since holds for both. Raises UndoRefused.

    Merges that share a lead are undone in reverse order.
    """
    with workspace_scope(workspace_id):
        merge = Merge.objects.filter(workspace_id=workspace_id, id=merge_id).first()
        if merge is None:
            raise UndoRefused("unknown")
        _lock(workspace_id, [merge.kept_id, merge.merged_id], is_undo=True)
        merge.refresh_from_db()
        _refuse_undo(merge)
        pair = Pair(
            workspace_id, merge.kept_id, merge.merged_id, merge.id, at=at, merged_at=merge.at, by=by,
            notes=merge.record["notes"],
        )  # fmt: skip
        merge.undone_at, merge.undone_by = at, by
        merge.save(update_fields=["undone_at", "undone_by"])
        try:
            with transaction.atomic():
                _part(pair, merge.record)
        except IntegrityError as error:
            raise UndoRefused("taken") from error
        _tell(pair, "lead_unmerged", [merge.kept_id, merge.merged_id])


def merges_of(*, workspace_id: int, lead_id: int) -> list[Merge]:
    """The merges in force into a lead, newest first; `merged` is loaded. The first is the one that can be undone."""
    found = Merge.objects.filter(workspace_id=workspace_id, kept_id=lead_id, undone_at=None)
    return list(found.select_related("merged").defer("record").order_by("-id"))


def _reasons(kept: Lead | None, merged: Lead | None) -> list[str]:
    if kept is None or merged is None:
        return [UNKNOWN]
    if kept.id == merged.id:
        return [SAME]
    if kept.merged_into_id or merged.merged_into_id:
        return [MERGED]
    pairs = {EMAIL: (kept.email_key, merged.email_key), USER_ID: (kept.external_id, merged.external_id)}
    return [reason for reason, (ours, theirs) in pairs.items() if ours and theirs and ours != theirs]


def _refuse_undo(merge: Merge) -> None:
    if merge.undone_at is not None:
        raise UndoRefused("undone")
    if not merge.record:
        raise UndoRefused("erased")
    later = Merge.objects.filter(workspace_id=merge.workspace_id, undone_at=None, id__gt=merge.id)
    # The merged lead itself cannot be in one: only who is not merged is.
    again = later.filter(kept_id=merge.kept_id) | later.filter(merged_id=merge.kept_id)
    if newest := again.order_by("-id").first():
        raise UndoRefused("later", newest)


def _lock(workspace_id: int, lead_ids: Sequence[int], *, is_undo: bool = False) -> None:
    # A form that came in by the merged lead's address holds that row and waits for the kept one's.
    parameters: dict[str, Any] = {"workspace": workspace_id, "leads": list(lead_ids), "is_undo": is_undo}
    with connection.cursor() as cursor:
        cursor.execute(load_sql("leads", "lock_pair"), parameters)


def _begin(workspace_id: int, kept_id: int, merged_id: int, at: datetime, *, by: str, is_forced: bool) -> Pair:
    merge = Merge.objects.create(
        workspace_id=workspace_id, kept_id=kept_id, merged_id=merged_id, at=at, by=by, is_forced=is_forced
    )
    return Pair(workspace_id, kept_id, merged_id, merge.id, at=at, merged_at=at, by=by)


def _join(pair: Pair) -> tuple[Glance, list[Change]]:
    """Run every rule, from the top floor down; what each lead had and what came out."""
    before = _rows(pair)
    for hold in reversed(holds()):
        hold.merge(pair, hold)
    after = _rows(pair)
    glance = Glance(
        pair,
        kept=_of_lead(before, pair.kept_id),
        merged=_of_lead(before, pair.merged_id),
        result=_of_lead(after, pair.kept_id),
    )
    return glance, [*_changes(pair, before, after), *pair.more]


def _part(pair: Pair, record: Json) -> None:
    """Put back what a merge changed, from the lowest floor up."""
    tables = recorded()
    for table, its_holds in tables.items():
        hold = its_holds[0]
        hold.undo(pair, hold, [Change(table, **change) for change in record.get(table, ())])
    for hold in holds():
        if hold.table not in tables:  # its rows name no lead, or are never changed
            hold.undo(pair, hold, [Change(hold.table, **change) for change in record.get(hold.table, ())])


def _rows(pair: Pair) -> Rows:
    """Every row that names one of the two, of the tables whose rows may change."""
    parts = []
    for table, its_holds in recorded().items():
        named = [f"{hold.column} = ANY (%(leads)s)" + (hold.only and f" AND {hold.only}") for hold in its_holds]
        parts.append(
            f"SELECT '{table}' AS name, to_jsonb(t) AS row FROM {table} t"  # noqa: S608  # names of the registry
            f" WHERE t.workspace_id = %(workspace)s AND ({' OR '.join(named)})"
        )
    statement = " UNION ALL ".join(parts)
    rows: Rows = {}
    parameters = {"workspace": pair.workspace_id, "leads": [pair.kept_id, pair.merged_id]}
    for row in fetch_all(statement, parameters):
        rows.setdefault(row["name"], []).append(row["row"])
    return rows


def _of_lead(rows: Rows, lead_id: int) -> Rows:
    columns = {table: its_holds[0].column for table, its_holds in recorded().items()}
    return {table: [row for row in found if row[columns[table]] == lead_id] for table, found in rows.items()}


def _changes(pair: Pair, before: Rows, after: Rows) -> list[Change]:
    """The difference, row by row and column by column."""
    changes = []
    for table, its_holds in recorded().items():
        hold = its_holds[0]
        were = {row[hold.key]: row for row in before.get(table, ())}
        are = {row[hold.key]: row for row in after.get(table, ())}
        for key in sorted(were.keys() | are.keys()):
            change = _difference(pair, hold, key, were.get(key), are.get(key))
            if change.before or change.after:
                changes.append(change)
    return changes


def _difference(pair: Pair, hold: Hold, key: Any, was: Json | None, is_now: Json | None) -> Change:
    if was is None and is_now is not None and not hold.adds_rows:
        # Somebody was writing it for the merged lead while the merge waited.
        was = is_now | {hold.column: pair.merged_id}
    if was is None or is_now is None:
        return Change(hold.table, key, was, is_now)
    changed = [column for column in was if was[column] != is_now[column]]
    return Change(hold.table, key, {each: was[each] for each in changed}, {each: is_now[each] for each in changed})


def _to_record(changes: Sequence[Change]) -> Json:
    record: Json = {}
    for change in changes:
        row = asdict(change)
        record.setdefault(row.pop("table"), []).append(row)
    return record


def _tell(pair: Pair, name: str, lead_ids: Sequence[int]) -> None:
    """The ledger, so that flow takes up both leads; and the audit log."""
    told = [
        NewEvent(
            kind="staff",
            name=name,
            message_id=f"{name}:{pair.merge_id}:{lead_id}",
            occurred_at=pair.at,
            lead_id=lead_id,
            by="staff",
            properties={"merge": pair.merge_id, "kept": pair.kept_id, "merged": pair.merged_id, "by": pair.by},
        )
        for lead_id in lead_ids
    ]
    record_events(workspace_id=pair.workspace_id, events=[*pair.events, *told], received_at=pair.at)
    record_audit(
        workspace_id=pair.workspace_id,
        actor=pair.by,
        action=name.replace("lead_", "lead."),
        target=f"lead:{pair.kept_id}",
        detail={"merge": pair.merge_id, "merged": pair.merged_id},
        at=pair.at,
    )
