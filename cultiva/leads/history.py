"""What was known of a lead at past instants, from what the ledger holds of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cultiva.leads.attributes import definitions, fit, workspace_of
from cultiva.leads.models import Lead
from cultiva.leads.projecting import Person
from cultiva.lib.database import fetch_all, load_sql

Json = dict[str, Any]


def attributes_as_of(*, workspace_id: int, lead_id: int, instants: Sequence[datetime]) -> list[Json]:
    """A lead's attributes as of each instant, in the order of `instants`: the last value per key told by then.

    From the last telling on they are those of the lead's row. The address they have now stands in each. Of nobody
    nothing is known.
    """
    lead = Lead.objects.filter(workspace_id=workspace_id, id=lead_id).first()
    if lead is None:
        return [{} for _ in instants]
    tellings = fetch_all(load_sql("leads", "told_by_lead"), {"workspace": workspace_id, "lead": lead_id})
    if not tellings or min(instants, default=tellings[-1]["last_at"]) >= tellings[-1]["last_at"]:
        return [lead.attributes for _ in instants]
    workspace, known = workspace_of(workspace_id), definitions(workspace_id, "lead")
    person, heard, found = Person({"id": lead_id, "email": lead.email}), 0, dict[datetime, Json]()
    for instant in sorted(set(instants)):
        while heard < len(tellings) and tellings[heard]["last_at"] <= instant:
            person.hear(tellings[heard])
            heard += 1
        attributes, _ = fit(person.told, known, time_zone=workspace.time_zone, country=workspace.country)
        if lead.email:
            attributes["email"] = lead.email
        found[instant] = lead.attributes if heard == len(tellings) else attributes
    return [found[instant] for instant in instants]


def is_event_of(*, workspace_id: int, lead_id: int, event_id: int) -> bool:
    """Whether an event is a lead's, or of one of their browsers."""
    sql = "SELECT 1 FROM lead_event WHERE workspace_id = %s AND lead_id = %s AND id = %s"
    return bool(fetch_all(sql, [workspace_id, lead_id, event_id]))
