"""What was known of a lead at past instants, from what the ledger holds of them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
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
    tellings = fetch_all(load_sql("leads", "told_one_by_one"), {"workspace": workspace_id, "leads": [lead_id]})
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


def attributes_along(
    *, workspace_id: int, instants: Mapping[int, Sequence[datetime]]
) -> dict[tuple[int, datetime], Json]:
    """{(lead, instant): what `attributes_as_of` says}, of leads that are there."""
    present = dict(Lead.objects.filter(workspace_id=workspace_id, id__in=instants).values_list("id", "attributes"))
    found = {
        (lead_id, at): present[lead_id] for lead_id, asked in instants.items() if lead_id in present for at in asked
    }
    spans = earlier_attributes(workspace_id=workspace_id, lead_ids=list(present))
    for lead_id, since, until, attributes in spans:
        for at in instants[lead_id]:
            if at < until and (since is None or at >= since):
                found[lead_id, at] = attributes
    return found


def earlier_attributes(
    *, workspace_id: int, lead_ids: Sequence[int]
) -> Iterator[tuple[int, datetime | None, datetime, Json]]:
    """(lead, from, until, attributes) of each span before the last telling of a lead; from None: of all time before.

    As in `attributes_as_of`, the address they have now stands in each.
    """
    parameters = {"workspace": workspace_id, "leads": list(lead_ids)}
    tellings = fetch_all(load_sql("leads", "told_one_by_one"), parameters)
    emails = dict(Lead.objects.filter(workspace_id=workspace_id, id__in=lead_ids).values_list("id", "email"))
    workspace, known = workspace_of(workspace_id), definitions(workspace_id, "lead")
    for lead_id, of_lead in groupby(tellings, key=itemgetter("lead_id")):
        if lead_id not in emails:
            continue
        email, since = emails[lead_id], None
        person = Person({"id": lead_id, "email": email})
        for until, said in groupby(of_lead, key=itemgetter("last_at")):
            attributes, _ = fit(person.told, known, time_zone=workspace.time_zone, country=workspace.country)
            yield lead_id, since, until, attributes | ({"email": email} if email else {})
            since = until
            for telling in said:
                person.hear(telling)


def is_event_of(*, workspace_id: int, lead_id: int, event_id: int) -> bool:
    """Whether an event is a lead's, or of one of their browsers."""
    sql = "SELECT 1 FROM lead_event WHERE workspace_id = %s AND lead_id = %s AND id = %s"
    return bool(fetch_all(sql, [workspace_id, lead_id, event_id]))
