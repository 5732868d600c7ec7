"""An action on many leads from choice to end: counted, confirmed, done chunk by chunk, resumed where it stopped.

The leads are fixed when they are counted, so what was counted is what is changed. A chunk is one transaction that
commits what it changed together with the action's place; whoever is killed loses at most the chunk in hand, and whoever
goes on neither leaves out nor repeats a lead.
"""

import itertools
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import OperationalError
from django.utils.translation import gettext

from cultiva.accounts.actions import record_audit
from cultiva.accounts.models import User, Workspace
from cultiva.bulk.choosing import chosen, read_selection
from cultiva.bulk.kinds.base import BulkKind, BulkRefused, Chunk
from cultiva.bulk.models import BulkAction, BulkLead, BulkPart
from cultiva.leads.actions import lock_leads
from cultiva.leads.audience import TooSlow, at_most
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope
from cultiva.lib.plugins import UnknownKind, plugin, plugins

log = logging.getLogger(__name__)

Json = dict[str, Any]
Now = Callable[[], datetime]

LEASE = timedelta(seconds=60)  # real time, renewed with each chunk
FINISHING = timedelta(minutes=15)  # real time: a million rows are put together to one file in less than one
TRIES = 3  # of a chunk that waited for the same leads as somebody else
COUNT_SECONDS = 4.0  # while a person waits; a worker counts what takes longer
GOING = ("counting", "running", "undoing")
CONFIRM_WITHIN = timedelta(hours=1)  # then the leads may be others: count anew
UNDO_WITHIN = timedelta(days=30)  # what it takes to undo is people's data, and is not kept for ever
SHOWN = 10


class BadSettings(BulkRefused):
    """`errors`: what is wrong with each field, {field: [sentences]}."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(f"{name}: {' '.join(said)}" for name, said in self.errors.items()))


class Overtaken(Exception):
    """The action was stopped meanwhile, or somebody else is further."""


def kind_of(action: BulkAction) -> BulkKind:
    kind: BulkKind = plugin("bulk_actions", action.kind)()
    return kind


def create_action(
    *, workspace_id: int, kind: str, settings: Mapping[str, Any], selection: Any, by: str, at: datetime,
    created_by: User | None = None,
) -> BulkAction:  # fmt: skip
    """Choose an action and count whom it is about; nothing is changed before `start`.

    Raises BulkRefused (BadSettings for the action's own fields) and DocumentError.
    """
    try:
        found = plugin("bulk_actions", kind)
    except UnknownKind as error:
        known = ", ".join(sorted(plugins("bulk_actions")))
        problem = gettext("There is no action `%(kind)s`.") % {"kind": kind}
        raise BulkRefused(problem, gettext("one of %(known)s") % {"known": known}) from error
    with workspace_scope(workspace_id):
        form = found.Settings(settings, workspace_id=workspace_id)
        if unknown := [name for name in settings if name not in form.fields]:
            raise BadSettings({unknown[0]: [gettext("%(kind)s has no such field.") % {"kind": found.kind}]})
        if not form.is_valid():
            raise BadSettings({name: [str(each) for each in said] for name, said in form.errors.items()})
        action = BulkAction.objects.create(
            workspace_id=workspace_id, kind=kind, settings=found().prepare(workspace_id, form.cleaned_data),
            selection=read_selection(selection, workspace_id=workspace_id), by=by, created_by=created_by, created_at=at,
        )  # fmt: skip
        try:
            with at_most(COUNT_SECONDS):
                return count(action=action, at=at)
        except TooSlow:
            action.refresh_from_db()
            return action


def count(*, action: BulkAction, at: datetime) -> BulkAction:
    """Fix and count the leads. Raises BulkRefused where they are none, or what is to be done to them cannot be."""
    with workspace_scope(action.workspace_id):
        workspace = Workspace.objects.get(id=action.workspace_id)
        sql, parameters = chosen(action.selection, workspace=workspace, at=action.created_at)
        statement = load_sql("bulk", "choose_leads").replace("SELECT NULL::bigint AS id", sql)
        action.total = execute(statement, parameters | {"workspace": workspace.id, "action": action.id})
        # The references are checked here and not at the commit, where nothing measures them.
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        kind_of(action).check(workspace.id, action.settings, action.total, at)
        action.state = "counted"
        action.save(update_fields=["total", "state"])
    return action


def start(*, action: BulkAction, at: datetime, by: str) -> BulkAction:
    """Let it run: from now on a worker, or whoever calls `go_on`, takes its chunks. Raises BulkRefused."""
    with workspace_scope(action.workspace_id):
        action = _lock(action)
        if action.total is None:
            raise BulkRefused(gettext("The leads of this action are not counted yet."), gettext("wait a moment"))
        if action.state not in ("counted", "stopped", "failed"):
            raise BulkRefused(gettext("This action was started already."))
        if action.state == "counted" and at - action.created_at > CONFIRM_WITHIN:
            problem = gettext("It was counted more than an hour ago.")
            raise BulkRefused(problem, gettext("count anew; the leads may be others now"))
        if not action.total:
            raise BulkRefused(gettext("There is nobody to do this to."), gettext("choose other leads"))
        if action.started_at and action.expires_at is None:
            raise BulkRefused(gettext("It is too long ago."), gettext("count anew"))
        action.state, action.started_at, action.problem = "running", action.started_at or at, ""
        action.expires_at = action.expires_at or at + UNDO_WITHIN
        action.save(update_fields=["state", "started_at", "problem", "expires_at"])
        audit(action, "started", by=by, at=at)
    return action


def stop(*, action: BulkAction) -> None:
    """After the chunk in hand; what is done stays, and can be undone or gone on with."""
    with workspace_scope(action.workspace_id):
        BulkAction.objects.filter(workspace_id=action.workspace_id, id=action.id, state="running").update(
            state="stopped"
        )


def discard(*, action: BulkAction) -> None:
    """Forget one that was never started. Raises BulkRefused."""
    with workspace_scope(action.workspace_id):
        found = _lock(action)
        if found.started_at or found.state not in ("counting", "counted", "failed"):
            raise BulkRefused(gettext("This action was started already."), gettext("undo it"))
        BulkLead.objects.filter(workspace_id=found.workspace_id, action=found).delete()
        found.delete()


def go_on(
    *, action: BulkAction, now: Now, must_stop: Callable[[], bool] = lambda: False,
    progress: Callable[[BulkAction], None] | None = None,
) -> BulkAction:  # fmt: skip
    """Take chunks until the last lead. The caller holds the lease (`take_lease`), or is alone."""
    kind = kind_of(action)
    while not must_stop():
        taken = tried(action, lambda: _do_chunk(action, kind, now()))
        if taken is None:
            return action
        if not taken:
            _hold(action, FINISHING)
            kind.finish(action, now())
            return _end(action, now(), state="done")
        if progress:
            progress(action)
    return action


def tried(action: BulkAction, work: Callable[[], int]) -> int | None:
    """A chunk in its transaction, once more where somebody else held the same leads. None: no longer ours."""
    for attempt in itertools.count(1):
        try:
            with workspace_scope(action.workspace_id):
                # A server that dies may lose the last chunks, and the action's place with them: they are done anew.
                execute("SET LOCAL synchronous_commit = off")
                taken = work()
            _read_again(action)
            return taken
        except Overtaken:
            _read_again(action)
            return None
        except OperationalError:  # a deadlock, say
            if attempt == TRIES:
                raise
            time.sleep(0.05 * attempt)
    return None


def _do_chunk(action: BulkAction, kind: BulkKind, at: datetime) -> int:
    began = time.monotonic()
    stored = lock_place(action, "running")
    rows = next_leads(stored, kind.chunk_leads)
    if not rows:
        return 0
    there = [row["lead_id"] for row in rows if row["is_there"]]
    if kind.changes_leads:
        there = lock_leads(workspace_id=stored.workspace_id, lead_ids=there)
    before = kind.run(Chunk(stored.workspace_id, stored.id, there, stored.by, at), stored.settings) if there else {}
    if kind.can_undo and before:
        parameters = {
            "workspace": stored.workspace_id, "action": stored.id, "before": json.dumps(before), "first": min(before),
            "last": max(before),
        }  # fmt: skip
        execute(load_sql("bulk", "note_before"), parameters)
    counts = {"changed": len(before), "unchanged": len(there) - len(before), "gone": len(rows) - len(there)}
    save_place(stored, rows, counts, time.monotonic() - began)
    return len(rows)


def next_leads(stored: BulkAction, limit: int, *, is_undo: bool = False) -> list[Json]:
    parameters = {
        "workspace": stored.workspace_id, "action": stored.id, "after": stored.after_lead, "limit": limit,
        "is_undo": is_undo,
    }  # fmt: skip
    return fetch_all(load_sql("bulk", "next_leads"), parameters)


def lock_place(action: BulkAction, state: str) -> BulkAction:
    """The action as it stands. Raises Overtaken."""
    stored = _lock(action)
    if stored.state != state or stored.after_lead != action.after_lead:
        raise Overtaken
    return stored


def save_place(stored: BulkAction, rows: list[Json], counts: Mapping[str, int], seconds: float) -> None:
    total = Counter(stored.counts)
    total.update(counts)
    stored.counts = {name: number for name, number in total.items() if number}
    stored.position += len(rows)
    stored.after_lead = rows[-1]["lead_id"]
    stored.worked_seconds += seconds
    stored.leased_until = datetime.now(UTC) + LEASE
    stored.save(update_fields=["counts", "position", "after_lead", "worked_seconds", "leased_until"])


def take_lease(*, workspace_id: int, action_id: int | None = None) -> BulkAction | None:
    """An action of the workspace, or this one, that waits for somebody to go on with it, or whose worker died."""
    real_now = datetime.now(UTC)
    with workspace_scope(workspace_id):
        parameters = {
            "workspace": workspace_id, "now": real_now, "until": real_now + LEASE, "states": list(GOING),
            "action": action_id,
        }  # fmt: skip
        rows = fetch_all(load_sql("bulk", "lease_action"), parameters)
        if not rows:
            return None
        return BulkAction.objects.select_related("created_by").get(workspace_id=workspace_id, id=rows[0]["id"])


def _hold(action: BulkAction, duration: timedelta) -> None:
    with workspace_scope(action.workspace_id):
        BulkAction.objects.filter(workspace_id=action.workspace_id, id=action.id).update(
            leased_until=datetime.now(UTC) + duration
        )


def release(action: BulkAction) -> None:
    with workspace_scope(action.workspace_id):
        BulkAction.objects.filter(workspace_id=action.workspace_id, id=action.id).update(leased_until=None)


def fail(action: BulkAction, at: datetime, problem: str) -> None:
    """What is done stays; it can be undone, or gone on with. What failed while it was undone is undone anew."""
    _end(action, at, state="undo_failed" if action.state == "undoing" else "failed", problem=problem)


def _end(action: BulkAction, at: datetime, *, state: str, problem: str = "") -> BulkAction:
    with workspace_scope(action.workspace_id):
        action.state, action.finished_at, action.problem, action.leased_until = state, at, problem, None
        action.save(update_fields=["state", "finished_at", "problem", "leased_until"])
    return action


def find_action(*, workspace_id: int, action_id: int) -> BulkAction | None:
    return BulkAction.objects.select_related("created_by").filter(workspace_id=workspace_id, id=action_id).first()


def list_actions(*, workspace_id: int, limit: int = 50) -> list[BulkAction]:
    """Newest first."""
    found = BulkAction.objects.select_related("created_by").filter(workspace_id=workspace_id).order_by("-id")
    return list(found[:limit])


def sample_of(action: BulkAction) -> list[int]:
    """The newest of its leads."""
    parameters = {"workspace": action.workspace_id, "action": action.id, "limit": SHOWN}
    return [row["id"] for row in fetch_all(load_sql("bulk", "sample"), parameters)]


def forget(*, workspace_id: int, at: datetime) -> int:
    """Exports and what it takes to undo, once their time is over; drafts nobody confirmed. Returns how many."""
    with workspace_scope(workspace_id):
        ours = BulkAction.objects.filter(workspace_id=workspace_id)
        drafts = ours.filter(started_at=None, created_at__lt=at - timedelta(days=1))
        expired = ours.filter(expires_at__lt=at).exclude(state__in=GOING)
        ids = [*drafts.values_list("id", flat=True), *expired.values_list("id", flat=True)]
        for rows in (BulkLead, BulkPart):
            rows.objects.filter(workspace_id=workspace_id, action_id__in=ids).delete()
        drafts.delete()
        expired.update(expires_at=None, file_bytes=None)
    return len(ids)


def audit(action: BulkAction, what: str, *, by: str, at: datetime) -> None:
    record_audit(
        workspace_id=action.workspace_id, actor=by, action=f"bulk.{what}", target=f"bulk_action:{action.id}", at=at,
        detail={"action": action.kind, "settings": action.settings, "leads": action.total},
    )  # fmt: skip


def _lock(action: BulkAction) -> BulkAction:
    return BulkAction.objects.select_for_update(no_key=True).get(workspace_id=action.workspace_id, id=action.id)


def _read_again(action: BulkAction) -> None:
    with workspace_scope(action.workspace_id):
        action.refresh_from_db()
