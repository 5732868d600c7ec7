"""Taking a whole import back.

What it made and nothing else touched goes; what it changed gets its values back, where nobody changed them since. The
ledger and the evidence are append-only: they keep what was, and that it was undone. Opt-outs that it brought stay: the
stricter will wins, and undoing a file is nobody's consent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.translation import gettext

from cultiva.accounts.actions import record_audit
from cultiva.capture.imports.lanes import LEASE
from cultiva.capture.imports.running import STATES, ImportRefused
from cultiva.capture.models import Import, ImportChange
from cultiva.events.staged import StagedEvent, record_staged, to_json
from cultiva.leads.projecting import NAMES_SEARCHED
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope
from cultiva.lib.folding import fold, folded_where_different
from cultiva.lib.staging import staged
from cultiva.segments.refreshing import drop_leads

Now = Callable[[], datetime]
CHUNK_LEADS = 2000


@dataclass(frozen=True)
class UndoPreview:
    """removed: made by it and untouched since; kept: made by it and touched since; reverted: changed by it;
    opt_outs: people whose withdrawal or suppression it brought, and who stay so."""

    removed: int
    kept: int
    reverted: int
    opt_outs: int


def preview_undo(*, run: Import) -> UndoPreview:
    """What undoing would do now."""
    if run.kind == "events":
        raise ImportRefused(
            gettext("Events that came in are history, and history is not taken back."),
            gettext("exclude their source where they must not count"),
        )
    with workspace_scope(run.workspace_id):
        row = fetch_all(load_sql("capture", "preview_undo"), {"workspace": run.workspace_id, "run": run.id})[0]
    return UndoPreview(**row, opt_outs=run.counts.get("opted_out", 0))


def start_undo(*, run: Import, at: datetime, actor: str) -> Import:
    """Let it be undone: a worker, or whoever calls `go_on_undoing`, does it."""
    with workspace_scope(run.workspace_id):
        run = Import.objects.select_for_update().get(workspace_id=run.workspace_id, id=run.id)
        if run.kind == "events":
            preview_undo(run=run)
        if run.state not in ("done", "stopped", "failed"):
            said = {"state": STATES[run.state]}
            raise ImportRefused(gettext("This import is %(state)s; only one that has ended can be undone.") % said)
        run.state = "undoing"
        run.save(update_fields=["state"])
        record_audit(
            workspace_id=run.workspace_id, actor=actor, action="import.undone", target=f"import:{run.id}", at=at,
            detail={"file": run.name},
        )  # fmt: skip
    return run


def go_on_undoing(*, run: Import, now: Now, must_stop: Callable[[], bool] = lambda: False) -> Import:
    """Chunk by chunk, each a transaction: what is done is off the list."""
    while not must_stop():
        with workspace_scope(run.workspace_id):
            done = _undo_chunk(run, now())
            run.leased_until = datetime.now(UTC) + LEASE
            run.save(update_fields=["leased_until"])
            if not done:
                run.state, run.undone_at, run.leased_until = "undone", now(), None
                run.save(update_fields=["state", "undone_at", "leased_until"])
                return run
    return run


def _undo_chunk(run: Import, at: datetime) -> int:
    """Newest change first, so that what was made last goes first."""
    parameters = {"workspace": run.workspace_id, "run": run.id, "limit": CHUNK_LEADS, "at": at}
    rows = fetch_all(load_sql("capture", "claim_changes"), parameters)
    if not rows:
        return 0
    gone = [row["lead_id"] for row in rows if row["was_made"] and not row["is_touched"]]
    if gone:
        drop_leads(workspace_id=run.workspace_id, lead_ids=gone, at=at)
        execute(load_sql("capture", "remove_imported_leads"), parameters | {"leads": gone})
    events = [_undone(run, lead_id, {}, [], at, name="import_undone") for lead_id in gone]
    changed = []
    for row in rows:
        if row["was_made"]:
            continue
        attributes = row["attributes"]
        back = {k: v for k, v in row["before"].items() if k in attributes and attributes[k] == row["said"].get(k)}
        for key, value in back.items():
            if value is None:
                del attributes[key]
            else:
                attributes[key] = value
        if back:
            given = {key: value for key, value in back.items() if value is not None}
            events.append(_undone(run, row["lead_id"], given, [k for k, v in back.items() if v is None], at))
            folded = folded_where_different(attributes)
            search = " ".join(fold(str(attributes[key])) for key in NAMES_SEARCHED if attributes.get(key))
            changed.append((row["lead_id"], to_json(attributes), to_json(folded) if folded else None, search))
    if changed:
        with staged("staged_back", "id bigint, attributes jsonb, folded jsonb, search_text text", changed):
            execute(load_sql("capture", "give_back"), parameters)
    record_staged(workspace_id=run.workspace_id, events=events, at=at)
    ImportChange.objects.filter(
        workspace_id=run.workspace_id, run=run, lead_id__in=[row["lead_id"] for row in rows]
    ).delete()
    return len(rows)


def _undone(
    run: Import, lead_id: int, given: dict[str, object], forgets: list[str], at: datetime, name: str = ""
) -> StagedEvent:
    """`forgets`: keys that the lead did not have before."""
    context = {"import_undone": run.id} | ({"forgets": forgets} if forgets else {})
    return StagedEvent(
        kind="staff" if name else "identify", name=name, occurred_at=at,
        message_id=f"import-undone:{run.id}:{lead_id}", lead_id=lead_id, by="staff" if name else "system",
        properties=given, context=context,
    )  # fmt: skip
