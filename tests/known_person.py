"""Ana, as she is known after some weeks: in nearly every table that may hold somebody."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cultiva.accounts.models import ApiIdempotency, ApiKey
from cultiva.bulk.models import BulkAction, BulkLead, BulkPart
from cultiva.capture.actions import RequestFacts
from cultiva.capture.forms import CaptureForm, show_form
from cultiva.capture.holding import take_submission
from cultiva.capture.models import (
    FormUpload,
    HeldSubmission,
    Import,
    ImportChange,
    ImportPart,
    ImportReject,
    Submission,
)
from cultiva.capture.tests.documents import publish_all
from cultiva.consent.tests.conftest import prove
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.models import Delivery, EventQuarantine, EventSource
from cultiva.flow import process_workspace
from cultiva.leads.actions import link_visitor, save_lead
from cultiva.leads.merging import merge_leads
from cultiva.leads.models import Lead, Misfit
from cultiva.lib.secrets import encrypt
from cultiva.mailing.sending import send_due

MINUTE = timedelta(minutes=1)
EMAIL, OLD_EMAIL, PHONE = "Ana.Ruiz@Example.com", "anita@example.org", "+34600111222"


@dataclass(frozen=True)
class Cast:
    workspace: Any
    ana: Lead
    before: Lead  # the record that was merged into hers
    luis: Lead


def make_cast(huerta: Any, at: datetime) -> Cast:
    publish_all(huerta.id, at)
    ana = send_form(huerta, at, email=EMAIL, first_name="Ana", company="Sol")
    luis = send_form(huerta, at, email="luis@example.com", first_name="Luis")
    before = send_form(huerta, at, email=OLD_EMAIL, first_name="Anita")
    save_lead(
        workspace_id=huerta.id, email=EMAIL, attributes={"last_name": "Ruiz", "phone": PHONE}, source_kind="api", at=at
    )  # fmt: skip
    for lead in (ana, luis, before):
        prove(lead, at + MINUTE)
    visit(huerta, ana, at)
    leave_traces(huerta, ana, at)
    settle(huerta, at + 2 * MINUTE)
    merge_leads(
        workspace_id=huerta.id, kept_id=ana.id, merged_id=before.id, at=at + 3 * MINUTE, by="user:1", force=True
    )  # fmt: skip
    settle(huerta, at + 4 * MINUTE)
    return Cast(huerta, ana, before, luis)


def send_form(workspace: Any, at: datetime, **answers: str) -> Lead:
    """Everything ticked."""
    shown = show_form(workspace_id=workspace.id, key="guia", languages=["es"], at=at - MINUTE)
    assert shown
    posted = answers | {"policy-accepted": "on", "purpose-marketing": "on", "purpose-phone": "on"}
    filled = CaptureForm(shown, posted)
    assert filled.is_valid(), filled.errors
    outcome = take_submission(
        workspace_id=workspace.id, form=shown, cleaned=filled.cleaned_data, at=at, token=shown.token,
        posted={name: [value] for name, value in posted.items()},
        request_facts=RequestFacts(page_url="https://huerta.example/guia", ip="203.0.113.9"),
    )  # fmt: skip
    assert outcome.lead_id
    return Lead.objects.get(workspace_id=workspace.id, id=outcome.lead_id)


def visit(workspace: Any, lead: Lead, at: datetime) -> None:
    """From a browser that said who they are, two months ago and now."""
    visitor = uuid.uuid4()
    link_visitor(workspace_id=workspace.id, visitor=visitor, lead_id=lead.id, at=at)
    for number, received in enumerate((at - timedelta(days=60), at)):
        events = [
            NewEvent(kind=kind, name="Ana Ruiz" if kind == "page" else "", message_id=f"{kind}{number}",
                     occurred_at=received, visitor=visitor, properties={"email": EMAIL, "phone": PHONE, "url": "/ana"},
                     context={"ip": "203.0.113.9", "locale": "es"})
            for kind in ("identify", "page")
        ]  # fmt: skip
        record_events(workspace_id=workspace.id, events=events, received_at=received)


def leave_traces(workspace: Any, lead: Lead, at: datetime) -> None:
    """What stands in tables that no everyday act of this cast fills."""
    ws, said = {"workspace": workspace}, f"Ana Ruiz <{EMAIL}> {PHONE}"
    of_form = Submission.objects.filter(lead_id=lead.id).order_by("id").first()
    assert of_form
    FormUpload.objects.create(**ws, submission=of_form, lead=lead, field="cv", name="Ana Ruiz.pdf", content=b"Ana Ruiz",
                              content_type="application/pdf", sha256="0" * 64)  # fmt: skip
    HeldSubmission.objects.create(**ws, form_id=of_form.form_id, reason="trap", token="t", received_at=at,
                                  posted={"email": [EMAIL.upper()], "name": ["Ana Ruiz"]})  # fmt: skip
    run = Import.objects.create(**ws, kind="leads", name="leads.csv", state="done", sha256="0" * 64, size_bytes=9,
                                created_at=at, plan={"samples": [[said]]})  # fmt: skip
    ImportPart.objects.create(**ws, run=run, what="rows", ordinal=0, content=f"email\n{EMAIL}\n".encode())
    ImportReject.objects.create(**ws, run=run, line=2, reason="?", cells=["Ana Ruiz", "600 111 222"])
    ImportChange.objects.create(**ws, run=run, lead=lead, before={"first_name": "Ana Ruiz"})
    action = BulkAction.objects.create(**ws, kind="export", by="user:1", created_at=at, state="done", file_bytes=9,
                                       selection={"filter": {"search": EMAIL}})  # fmt: skip
    BulkLead.objects.create(**ws, action=action, lead=lead, before={"name": "Ana Ruiz"})
    BulkPart.objects.create(**ws, action=action, what="file", ordinal=0, content=said.encode())
    source = EventSource.objects.create(**ws, key="tienda", name="Tienda", kind="shopify", created_at=at)
    Delivery.objects.create(**ws, source=source, delivery_id="1", topic="orders", outcome="taken", digest="1" * 64,
                            body=encrypt(json.dumps({"email": EMAIL})), received_at=at)  # fmt: skip
    Delivery.objects.create(**ws, source=source, delivery_id="2", topic="orders", outcome="taken", digest="2" * 64,
                            body=encrypt(json.dumps({"email": "luis@example.com"})), received_at=at)  # fmt: skip
    EventQuarantine.objects.create(**ws, source_id=source.id, received_at=at, code="x", message="bad", payload=said,
                                   payload_hash=b"1")  # fmt: skip
    Misfit.objects.create(**ws, subject="lead", subject_id=lead.id, key="phone", value="Ana Ruiz", seen_at=at)
    key = ApiKey.objects.create(**ws, name="crm", key_hash="1" * 64, shown="1", created_by="cli", created_at=at)
    ApiIdempotency.objects.create(**ws, key=key, idempotency_key="1", request_hash="1", body=said, created_at=at)


def settle(workspace: Any, at: datetime) -> None:
    """All that waits is worked on, mails included."""
    while process_workspace(workspace_id=workspace.id, at=at):
        pass
    while send_due(workspace_id=workspace.id, at=at):
        pass
