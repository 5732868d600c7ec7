"""Following merged leads to the ones they are now."""

from collections.abc import Iterable
from dataclasses import replace

from cultiva.events.batch import Batch
from cultiva.leads.models import LeadAlias


def current_lead_id(workspace_id: int, lead_id: int) -> int:
    """The lead that a lead is now: itself, or the one it was merged into, however often."""
    return current_lead_ids(workspace_id, [lead_id]).get(lead_id, lead_id)


def current_lead_ids(workspace_id: int, lead_ids: Iterable[int]) -> dict[int, int]:
    """{merged lead: the one it is now}; those that were not merged are left out."""
    aliases = LeadAlias.objects.filter(workspace_id=workspace_id, merged_id__in=list(lead_ids))
    return dict(aliases.order_by("merged_id").values_list("merged_id", "lead_id"))


def follow_merged(batch: Batch) -> set[int]:
    """Events recorded for a merged lead are the kept lead's; returns the leads they came to."""
    named = {event.lead_id for event in batch.events if event.lead_id is not None}
    now = current_lead_ids(batch.workspace_id, named - set(batch.lead_ids)) if named else {}
    if now:
        batch.events = [
            replace(event, lead_id=now[event.lead_id]) if event.lead_id in now else event for event in batch.events
        ]
    return set(now.values())
