"""Taking an action back: the leads that it changed get what they had, where nobody changed it since.

The ledger keeps what was done, and that it was undone.
"""

import time
from collections.abc import Callable
from datetime import datetime

from django.utils.translation import gettext

from cultiva.bulk.kinds.base import BulkKind, BulkRefused, Chunk
from cultiva.bulk.models import BulkAction
from cultiva.bulk.running import Now, audit, kind_of, lock_place, next_leads, save_place, tried
from cultiva.leads.actions import lock_leads
from cultiva.lib.database import workspace_scope

ENDED = ("done", "stopped", "failed", "undo_failed")


def why_not(action: BulkAction) -> str:
    """Why it cannot be undone; empty where it can."""
    if not kind_of(action).can_undo:
        return gettext("This kind of action cannot be undone.")
    if action.state not in ENDED:
        return gettext("Only an action that has ended can be undone, and only once.")
    if not action.counts.get("changed"):
        return gettext("It changed nothing.")
    if action.expires_at is None:
        return gettext("It is too long ago: what it takes to undo it is kept for 30 days.")
    return ""


def start_undo(*, action: BulkAction, at: datetime, by: str) -> BulkAction:
    """Let it be undone: a worker, or whoever calls `go_on_undoing`, does it. Raises BulkRefused."""
    with workspace_scope(action.workspace_id):
        action = BulkAction.objects.select_for_update(no_key=True).get(workspace_id=action.workspace_id, id=action.id)
        if reason := why_not(action):
            raise BulkRefused(reason)
        action.state, action.position, action.after_lead, action.worked_seconds = "undoing", 0, 0, 0
        action.problem = ""
        action.save(update_fields=["state", "position", "after_lead", "worked_seconds", "problem"])
        audit(action, "undone", by=by, at=at)
    return action


def go_on_undoing(*, action: BulkAction, now: Now, must_stop: Callable[[], bool] = lambda: False) -> BulkAction:
    """Chunk by chunk, each a transaction."""
    kind = kind_of(action)
    while not must_stop():
        taken = tried(action, lambda: _undo_chunk(action, kind, now()))
        if taken is None:
            return action
        if not taken:
            with workspace_scope(action.workspace_id):
                action.state, action.undone_at, action.leased_until = "undone", now(), None
                action.save(update_fields=["state", "undone_at", "leased_until"])
            return action
    return action


def _undo_chunk(action: BulkAction, kind: BulkKind, at: datetime) -> int:
    began = time.monotonic()
    stored = lock_place(action, "undoing")
    rows = next_leads(stored, kind.chunk_leads, is_undo=True)
    if not rows:
        return 0
    there = lock_leads(
        workspace_id=stored.workspace_id, lead_ids=[row["lead_id"] for row in rows if row["is_there"]]
    )  # fmt: skip
    before = {row["lead_id"]: row["before"] for row in rows if row["lead_id"] in set(there)}
    chunk = Chunk(stored.workspace_id, stored.id, there, stored.by, at)
    restored = kind.undo(chunk, stored.settings, before) if there else 0
    save_place(stored, rows, {"restored": restored, "kept": len(rows) - restored}, time.monotonic() - began)
    return len(rows)
