"""Finding all that one person goes by."""

from datetime import datetime

from cultiva.leads.aliases import current_lead_id
from cultiva.leads.models import Lead
from cultiva.lib.database import fetch_all, load_sql
from cultiva.lib.holds import Hold, holds
from cultiva.lib.persons import Person, Trace, traces


def places() -> list[Hold | Trace]:
    """Where a person may be held: what names their lead, from the lowest floor up, then what may hold their words."""
    return [*holds(), *traces()]


def find_person(*, workspace_id: int, lead_id: int, at: datetime) -> Person:
    """The person of a lead, whichever of their records is named. Raises Lead.DoesNotExist."""
    current = current_lead_id(workspace_id, lead_id)
    Lead.objects.get(workspace_id=workspace_id, id=current)
    found = fetch_all(load_sql("privacy", "find_person"), {"workspace": workspace_id, "lead": current})[0]
    return Person(
        workspace_id=workspace_id,
        lead_ids=(current, *(lead for lead in found["leads"] if lead != current)),
        visitors=tuple(found["visitors"]),
        addresses=tuple(found["addresses"]),
        phones=tuple(found["phones"]),
        names=tuple(found["names"]),
        at=at,
    )
