"""Who asks for a quote and does not confirm the address still goes to sales, and gets no marketing."""

from datetime import datetime
from typing import Any

from cultiva.consent.actions import can_contact, record_consents, request_confirmation
from cultiva.consent.evidence import Circumstances
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.demo.filling import DEMO_FOLDER
from cultiva.documents.applying import apply_folder
from cultiva.events.actions import NewEvent, record_events
from cultiva.flow import process_workspace
from cultiva.leads.actions import save_lead
from cultiva.leads.models import LeadState
from cultiva.sales.models import HandOver


def test_an_unconfirmed_quote_request_still_goes_to_sales(huerta: Any, at: datetime) -> None:
    apply_folder(workspace_id=huerta.id, folder=DEMO_FOLDER, by="cli", at=at)
    lead, _ = save_lead(
        workspace_id=huerta.id, email="ana@huertos.example", language="es", source_kind="form", at=at,
        attributes={"first_name": "Ana", "job_title": "gerente", "sector": "olivar", "hectares": 400},
    )  # fmt: skip
    record_consents(
        workspace_id=huerta.id, lead_id=lead.id, policy=PolicyVersion.currents(huerta.id).get(), language="es",
        purposes=list(PurposeVersion.currents(huerta.id)), circumstances=Circumstances(form="presupuesto"), at=at,
    )  # fmt: skip
    request_confirmation(workspace_id=huerta.id, lead_id=lead.id, form="presupuesto", at=at)
    asked = NewEvent(kind="track", name="quote_requested", message_id="q", occurred_at=at, lead_id=lead.id)
    record_events(workspace_id=huerta.id, events=[asked], received_at=at)
    process_workspace(workspace_id=huerta.id, at=at)
    assert LeadState.objects.get(lead_id=lead.id).stage == "sales_qualified"
    assert HandOver.objects.filter(workspace_id=huerta.id, lead_id=lead.id).exists()
    decision = can_contact(
        workspace_id=huerta.id, lead_ids=[lead.id], purpose="marketing", channel="email", at=at
    )[lead.id]  # fmt: skip
    assert decision.reason == "unconfirmed"
