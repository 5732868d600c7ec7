"""Locking the lead whose consents change, so that its chain grows by one at a time."""

from cultiva.leads.aliases import current_lead_id
from cultiva.leads.models import Lead


def lock_current(workspace_id: int, lead_id: int) -> int:
    """Lock the lead that a lead is now; again where a merge came in between."""
    while True:
        current = current_lead_id(workspace_id, lead_id)
        if lock_lead(workspace_id, current).merged_into_id is None:
            return current


def lock_lead(workspace_id: int, lead_id: int) -> Lead:
    return Lead.objects.select_for_update(no_key=True).get(workspace_id=workspace_id, id=lead_id)
