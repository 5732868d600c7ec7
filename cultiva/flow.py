"""What happens after events arrive, top to bottom.

New events are claimed in batches of one workspace; each step works on the set, in this order, in one transaction:
a crash anywhere gives the events back to the inbox, and a second run of any step changes nothing.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime

from cultiva.events.actions import claim_new_events, workspaces_with_new_events
from cultiva.events.batch import Batch
from cultiva.leads.actions import lock_leads, project, resolve
from cultiva.lib.database import workspace_scope
from cultiva.lib.turns import each_in_turn
from cultiva.lifecycle.actions import advance as advance_stages
from cultiva.mailing.actions import answer
from cultiva.nurture.actions import advance as advance_workflows
from cultiva.sales.actions import hand_over
from cultiva.scoring.actions import rescore_due, score

log = logging.getLogger(__name__)

Step = Callable[[Batch], None]

# Told apart by name in the log: several rooms call their step `advance`.
STEPS: dict[str, Step] = {
    "leads.project": project,
    "scoring.score": score,
    "lifecycle.advance": advance_stages,
    "sales.hand_over": hand_over,
    "nurture.advance": advance_workflows,
    "mailing.answer": answer,
}
BATCH_SIZE = 500


def process_new_events(*, at: datetime, limit: int = BATCH_SIZE) -> int:
    """One batch of every workspace that has new events; returns how many events were taken."""
    return each_in_turn(
        workspaces_with_new_events(), lambda each: process_workspace(workspace_id=each, at=at, limit=limit)
    )


def process_workspace(*, workspace_id: int, at: datetime, limit: int = BATCH_SIZE) -> int:
    """Claim one batch of a workspace's new events and take it through every step."""
    with workspace_scope(workspace_id):
        events = claim_new_events(workspace_id=workspace_id, limit=limit)
        if events:
            batch = Batch(workspace_id=workspace_id, at=at, events=events)
            resolve(batch)
            batch.lead_ids = lock_leads(workspace_id=workspace_id, lead_ids=batch.lead_ids)
            run_steps(batch)
    return len(events)


def process_due_leads(*, workspace_id: int, at: datetime, limit: int = 1000) -> int:
    """Leads whose score changes by time alone (a window's edge, ageing): the same steps without new events."""
    with workspace_scope(workspace_id):
        lead_ids = rescore_due(workspace_id=workspace_id, at=at, limit=limit)
        if lead_ids:
            lock_leads(workspace_id=workspace_id, lead_ids=lead_ids)
            run_steps(Batch(workspace_id=workspace_id, at=at, lead_ids=lead_ids))
    return len(lead_ids)


def run_steps(batch: Batch) -> None:
    for name, step in STEPS.items():
        began = time.perf_counter()
        step(batch)
        took = (time.perf_counter() - began) * 1000
        log.debug("event=flow.step name=%s leads=%d ms=%.1f", name, len(batch.lead_ids), took)
