"""People and what they do, for the tests of lifecycle and of the rooms above it."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from cultiva.consent.models import ConsentMark
from cultiva.events.actions import NewEvent, claim_new_events, record_events
from cultiva.events.batch import Batch
from cultiva.leads.actions import lock_leads, project, resolve, save_lead
from cultiva.leads.models import Lead

LIFECYCLE = """
lifecycle: sales
name: De lead a cliente
stages:
  - {key: lead, label: {es: Lead, en: Lead}}
  - {key: marketing_qualified, label: {es: MQL, en: MQL}}
  - {key: sales_qualified, label: {es: SQL, en: SQL}}
  - {key: opportunity, label: {es: Oportunidad, en: Opportunity}}
  - {key: customer, label: {es: Cliente, en: Customer}}
  - {key: service_qualified, label: {es: Pide servicio, en: Asks for service}}
  - {key: disqualified, label: {es: Descartado, en: Disqualified}, aside: true}
start: lead
transitions:
  - key: interested
    from: lead
    to: marketing_qualified
    when: {event: download}
  - key: ready
    from: [lead, marketing_qualified]
    to: sales_qualified
    when: {all: [{event: download}, {event: page, where: [{property: path, is: /precios}]}]}
  - {key: bought, from: [sales_qualified, opportunity], to: customer, when: {event: purchase}}
  - {key: served, from: customer, to: service_qualified, when: {event: service_request}}
"""


def make_lead(workspace: Any, name: str, at: datetime, *, is_valid: bool = True, **attributes: Any) -> Lead:
    """A lead `name@example.com`; valid: has accepted the data-protection policy."""
    lead, _ = save_lead(
        workspace_id=workspace.id,
        email=f"{name}@example.com",
        attributes=attributes,
        language="es",
        source_kind="form",
        at=at,
    )
    if is_valid:
        ConsentMark.objects.create(workspace_id=workspace.id, lead=lead, valid_since=at)
    return lead


def act(lead: Lead, name: str, at: datetime, *, kind: str = "track", actor: str = "human", **properties: Any) -> None:
    """The lead does something; it waits in the inbox."""
    event = NewEvent(
        kind=kind,
        name=name,
        message_id=str(uuid4()),
        occurred_at=at,
        lead_id=lead.id,
        actor=actor,
        properties=properties,
    )
    record_events(workspace_id=lead.workspace_id, events=[event], received_at=at)


def see_page(lead: Lead, path: str, at: datetime) -> None:
    act(lead, "", at, kind="page", path=path)


def take_batch(workspace: Any, at: datetime) -> Batch:
    """What waits in the inbox, resolved and locked as `flow` does it."""
    batch = Batch(workspace.id, at, events=claim_new_events(workspace_id=workspace.id, limit=1000))
    resolve(batch)
    batch.lead_ids = lock_leads(workspace_id=workspace.id, lead_ids=batch.lead_ids)
    project(batch)
    return batch
