"""Leads that staff write down: duplicates shown first, the notice that is due, objectives, and social acts."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from cultiva.accounts.models import Role
from cultiva.capture.models import FormVersion, LeadOrigin, Submission
from cultiva.consent.models import ConsentMark
from cultiva.events.models import Event
from cultiva.leads.models import Lead
from cultiva.leads.tests import people
from cultiva.web.tests.test_screens import signed_in

GIVEN = {
    "first_name": "Eva", "email": "eva@example.com", "phone": "600 111 222", "how": "referral", "detail": "Ana",
    "obtained_on": "2026-03-01", "basis": "none",
}  # fmt: skip


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    monkeypatch.setattr("cultiva.lib.clock.now", lambda: at)


def test_a_lead_from_somebody_else_must_be_told_within_thirty_days(huerta: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.SALES, at)
    assert client.post("/leads/new", GIVEN | {"email": "eva@"}).status_code == 422
    assert client.post("/leads/new", GIVEN | {"email": "", "phone": ""}).status_code == 422
    assert client.post("/leads/new", GIVEN | {"obtained_on": "2026-03-11"}).status_code == 422
    assert client.post("/leads/new", GIVEN | {"basis": "contract"}).status_code == 422
    client.post("/leads/new", GIVEN)
    lead = Lead.objects.get()
    assert (lead.source_kind, lead.attributes["phone"]) == ("manual", "+34600111222")
    assert not ConsentMark.objects.exclude(valid_since=None).exists()
    origin = LeadOrigin.objects.get()
    assert (origin.notice_due_on, origin.basis) == (date(2026, 3, 31), "none")
    assert "Eva" in client.get("/leads/notices").content.decode()
    client.post(f"/leads/notices/{origin.id}/told")
    origin.refresh_from_db()
    assert origin.notified_at == at
    assert 'class="empty"' in client.get("/leads/notices").content.decode()
    assert list(Event.objects.filter(kind="staff").order_by("id").values_list("name", flat=True)) == [
        "entered_by_hand", "told_of_data",
    ]  # fmt: skip


def test_whoever_is_there_already_is_shown_before_anything_is_saved(huerta: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.SALES, at)
    client.post("/leads/new", GIVEN)
    again = GIVEN | {"first_name": "", "company": "Huerta Eva", "how": "met", "basis": "contract", "contract": "C-7"}
    page = client.post("/leads/new", again).content.decode()
    lead = Lead.objects.get()
    assert f'name="seen" value="{lead.id}"' in page
    assert "company" not in lead.attributes
    client.post("/leads/new", again | {"seen": str(lead.id)})
    lead.refresh_from_db()
    assert (lead.attributes["company"], lead.attributes["first_name"]) == ("Huerta Eva", "Eva")
    assert ConsentMark.objects.get(lead=lead).valid_since == at
    phone = GIVEN | {"email": "otra@example.com"}
    assert f'value="{lead.id}"' in client.post("/leads/new", phone).content.decode()
    client.post("/leads/new", phone | {"seen": str(lead.id)})
    assert Lead.objects.count() == 2  # a household shares a telephone


def test_two_taps_note_what_a_lead_did_on_a_network(huerta: Any, at: datetime) -> None:
    client, lead = signed_in(huerta, Role.SALES, at), people.lead(huerta, at, "ana@a.example")
    client.post(f"/leads/{lead.id}/social", {"network": "linkedin", "action": "comment"})
    client.post(f"/leads/{lead.id}/social", {"network": "linkedin", "action": "fame"})
    event = Event.objects.get(name="social")
    assert (event.lead_id, event.by, event.properties) == (
        lead.id, "staff", {"network": "linkedin", "action": "comment"},
    )  # fmt: skip
    assert "LinkedIn" in client.get(f"/leads/{lead.id}").content.decode()


def test_the_first_and_the_latest_objective_are_shown_and_the_list_is_filtered_by_it(
    huerta: Any, at: datetime
) -> None:  # fmt: skip
    ana, eva = people.lead(huerta, at, "ana@a.example"), people.lead(huerta, at, "eva@a.example")
    form = FormVersion.publish(workspace_id=huerta.id, key="f", name="F", body={}, source_text="", at=at)
    for number, (lead, objective) in enumerate([(ana, "content"), (ana, "quote"), (eva, "content")]):
        Submission.objects.create(
            workspace=huerta, form=form, lead=lead, token_hash=str(number), objective=objective,
            received_at=at - timedelta(hours=9 - number),
        )  # fmt: skip
    client = signed_in(huerta, Role.SALES, at)
    page = client.get(f"/leads/{ana.id}").content.decode()
    assert page.index("Contenido" if "Contenido" in page else "Content") < page.index(
        "Presupuesto" if "Presupuesto" in page else "Quote"
    )
    page = client.get("/leads?objective=quote").content.decode()
    assert "ana@a.example" in page
    assert "eva@a.example" not in page
    assert "{&quot;all&quot;:[{&quot;objective&quot;:&quot;quote&quot;}]}" in page  # for actions on all of the list
