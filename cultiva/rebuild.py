"""Everything that is computed from the ledger, computed anew.

Rows of leads, scores, stages and counts are projections: the ledger is the truth. After a restore, or where somebody
doubts a row, this makes them again; what was right stays as it is.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from cultiva.events.seen import recount as recount_seen
from cultiva.events.verdicts import recount as recount_verdicts
from cultiva.leads.commerce import recount as recount_conversions
from cultiva.leads.inbox import touch
from cultiva.leads.rebuild import rebuild_leads
from cultiva.lib.database import fetch_all, workspace_scope
from cultiva.lifecycle.actions import rebuild as rebuild_stages
from cultiva.segments.building import build_all

LEADS = 1000  # a transaction


def rebuild(*, workspace_id: int, at: datetime, progress: Callable[[str], None]) -> None:
    """Make a workspace's projections anew, a chunk a transaction. Scores follow in `flow`, as after any event."""
    recount_verdicts(workspace_id)
    progress("who is who, and what is known of them …")
    count = rebuild_leads(workspace_id=workspace_id, at=at)
    progress(f"{count} leads; what they bought …")
    for lead_ids in _chunks(workspace_id):
        with workspace_scope(workspace_id):
            recount_conversions(workspace_id=workspace_id, lead_ids=lead_ids)
    progress("stages …")
    differed = rebuild_stages(workspace_id)
    progress(f"{differed} stages differed; segments …")
    build_all(workspace_id=workspace_id, at=at)
    progress("what was seen …")
    recount_seen(workspace_id)
    for lead_ids in _chunks(workspace_id):
        with workspace_scope(workspace_id):
            touch(workspace_id, [(lead_id, None, None) for lead_id in lead_ids])
    progress("done; scores follow")


def _chunks(workspace_id: int) -> Iterator[list[int]]:
    after = 0
    while True:
        with workspace_scope(workspace_id):
            rows = fetch_all(
                "SELECT lead_id FROM lead_state WHERE workspace_id = %s AND lead_id > %s ORDER BY lead_id LIMIT %s",
                [workspace_id, after, LEADS],
            )
        if not rows:
            return
        lead_ids = [row["lead_id"] for row in rows]
        after = lead_ids[-1]
        yield lead_ids
