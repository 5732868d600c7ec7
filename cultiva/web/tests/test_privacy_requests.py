"""The queue of privacy requests on the screen."""

import io
import json
import zipfile
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cultiva.accounts.actions import create_user, grant_role
from cultiva.accounts.models import AuditEntry, Role
from cultiva.consent.actions import publish_policy, publish_purpose
from cultiva.consent.rules import rules_of
from cultiva.consent.tests.documents import MARKETING, POLICY
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead
from cultiva.privacy.erasing import erase_person
from cultiva.privacy.models import PrivacyRequest, PrivacyText
from cultiva.privacy.requests import receive_request


@pytest.fixture
def staff(huerta: Any, client: Client, at: datetime, monkeypatch: pytest.MonkeyPatch) -> Any:
    """staff(role): a signed-in colleague of that role."""
    monkeypatch.setattr("cultiva.lib.clock.now", lambda: at)

    def sign_in(role: str = Role.PRIVACY) -> Client:
        user = create_user(email=f"{role}@huerta.example", full_name=role, language="en", at=at)
        grant_role(workspace_id=huerta.id, user=user, role=role, at=at)
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def ana(huerta: Any, at: datetime) -> Lead:
    lead, _ = save_lead(
        workspace_id=huerta.id, email="ana@example.com", attributes={"first_name": "Ana", "last_name": "Ruiz"},
        source_kind="form", at=at,
    )  # fmt: skip
    return lead


def ask(lead: Lead, kind: str, at: datetime) -> PrivacyRequest:
    return receive_request(
        workspace_id=lead.workspace_id, kind=kind, way="link", at=at, by="lead", lead_id=lead.id, text="Please."
    )  # fmt: skip


def test_the_queue_shows_the_clock_and_the_menu_counts(staff: Any, ana: Lead, at: datetime) -> None:
    ask(ana, "access", at - timedelta(days=40))
    ask(ana, "erasure", at)
    page = staff().get("/privacy-requests").content.decode()
    for words in ("Ana Ruiz", "overdue by 10 days", "31 days left"):
        assert words in page, words
    assert '<span class="badge nav-count">2</span>' in page
    assert "Ana Ruiz" not in staff("analyst").get("/privacy-requests").content.decode()


def test_staff_enter_what_came_by_telephone(staff: Any, ana: Lead, at: datetime) -> None:
    client = staff()
    given = {"kind": "access", "way": "phone", "received_on": "2026-03-01", "email": "ana@example.com", "text": "All."}
    assert client.post("/privacy-requests/new", given).status_code == 302
    request = PrivacyRequest.objects.get()
    assert (request.lead_id, request.way, request.identified_at) == (ana.id, "phone", None)
    assert request.due_on.isoformat() == "2026-04-01"
    for wrong in ({"received_on": "2027-01-01"}, {"email": "eva@example.com"}, {"email": "?"}):
        assert client.post("/privacy-requests/new", given | wrong).status_code == 422
    assert client.get(f"/privacy-requests/new?lead={ana.id}").status_code == 200


def test_an_erasure_is_previewed_done_and_closed_with_a_file(staff: Any, ana: Lead, at: datetime) -> None:
    request, client = ask(ana, "erasure", at), staff()
    path = f"/privacy-requests/{request.id}"
    page = client.get(path).content.decode()
    assert "Name, addresses and attributes" in page
    assert "Please." in page
    assert client.post(path, {"what": "close", "outcome": "done", "text": ""}).status_code == 422
    client.post(path, {"what": "erase"})
    ana.refresh_from_db()
    assert (ana.email, ana.attributes) == ("", {})
    file = SimpleUploadedFile("answer.pdf", b"%PDF", content_type="application/pdf")
    client.post(path, {"what": "close", "outcome": "done", "text": "Answered by letter.", "file": file})
    request.refresh_from_db()
    assert (request.outcome, request.closed_by and request.closed_by.full_name) == ("done", "privacy")
    step = PrivacyText.objects.get(file_name="answer.pdf").step_id
    assert client.get(f"/privacy-requests/evidence/{step}").content == b"%PDF"
    page = client.get(path).content.decode()
    assert "Please." not in page
    assert "Answered by letter." in page
    assert client.get(f"/leads/{ana.id}").status_code == 200


def test_all_their_data_are_taken_out_as_a_zip_and_the_audit_log_says_who(staff: Any, ana: Lead, at: datetime) -> None:
    request, client = ask(ana, "access", at), staff()
    answer = client.post(f"/privacy-requests/{request.id}/export")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        held = json.loads(bundle.read("person.json"))["tables"]
        report = bundle.read("report.html").decode()
        provided = json.loads(bundle.read("provided.json"))
    assert held["lead"][0]["email"] == provided["email"] == "ana@example.com"
    assert "Ana" in report
    assert 'lang="es"' in report
    assert AuditEntry.objects.filter(action="lead.exported", target=f"lead:{ana.id}").count() == 1
    assert "data taken out" in client.get(f"/privacy-requests/{request.id}").content.decode()


@pytest.mark.parametrize("role", ["marketing", "sales", "analyst"])
def test_only_owners_and_privacy_officers_answer(staff: Any, ana: Lead, at: datetime, role: str) -> None:
    request, client = ask(ana, "erasure", at), staff(role)
    assert client.post(f"/privacy-requests/{request.id}", {"what": "erase"}).status_code == 403
    assert client.post(f"/privacy-requests/{request.id}/export").status_code == 403
    assert client.get("/privacy-requests/new").status_code == 403
    ana.refresh_from_db()
    assert ana.email


def test_going_quiet_is_counted_first_and_switched_on_by_a_person(
    staff: Any, huerta: Any, ana: Lead, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = at + timedelta(days=400)
    client = staff()
    monkeypatch.setattr("cultiva.lib.clock.now", lambda: later)
    assert "Nobody is erased for having gone quiet" in client.get("/privacy-requests/retention").text
    page = client.get("/privacy-requests/retention?inactive_months=12").text
    assert "Nothing done for 12 months:" in page
    assert "of 1<" in page
    assert rules_of(huerta.id).inactive_months is None
    client.post("/privacy-requests/retention", {"what": "inactive", "inactive_months": "12"})
    assert rules_of(huerta.id).inactive_months == 12
    assert (
        "Erased within the hour, because they did nothing for 12 months"
        in client.get("/privacy-requests/retention").text
    )
    client.post("/privacy-requests/retention", {"what": "unconfirmed", "unconfirmed_days": "45"})
    assert (rules_of(huerta.id).unconfirmed_days, rules_of(huerta.id).inactive_months) == (45, 12)
    client.post("/privacy-requests/retention", {"what": "keep"})
    assert rules_of(huerta.id).inactive_months is None
    assert AuditEntry.objects.filter(workspace_id=huerta.id, action="retention.changed").count() == 3


def test_periods_are_set_by_who_answers_for_privacy(staff: Any, huerta: Any, ana: Lead) -> None:
    client = staff(Role.MARKETING)
    assert client.post("/privacy-requests/retention", {"what": "inactive", "inactive_months": "1"}).status_code == 403
    assert "Save" not in client.get("/privacy-requests/retention").text
    answer = staff(Role.OWNER).post("/privacy-requests/retention", {"what": "unconfirmed", "unconfirmed_days": "1"})
    assert answer.status_code == 422
    assert rules_of(huerta.id).unconfirmed_days == 30


def test_the_record_of_processing_says_what_the_workspace_does(staff: Any, huerta: Any, at: datetime) -> None:
    client = staff()
    assert "No policy yet" in client.get("/privacy-requests/record").text
    publish_policy(workspace_id=huerta.id, text=POLICY, at=at)
    publish_purpose(workspace_id=huerta.id, text=MARKETING, at=at)
    assert "Huerta" in client.get("/privacy-requests/record").text
    record = json.loads(client.get("/privacy-requests/record?as=json").content)
    activities = {each["name"]: each for each in record["activities"]}
    assert activities["marketing"]["basis"] == "Consent (art. 6.1.a)"
    assert "erased after 30 days" in activities["Answering what people ask for"]["kept"]
    assert "Legal obligation" in activities["Requests by the rights of people"]["basis"]
    assert record["controller"]["name"]
    assert record["told"]
    assert record["measures"]


def test_the_page_of_a_lead_begins_a_request_and_says_when_they_were_erased(
    staff: Any, huerta: Any, ana: Lead, at: datetime
) -> None:
    client = staff()
    assert f"/privacy-requests/new?lead={ana.id}" in client.get(f"/leads/{ana.id}").text
    assert 'value="ana@example.com"' in client.get(f"/privacy-requests/new?lead={ana.id}").text
    erase_person(workspace_id=huerta.id, lead_id=ana.id, at=at, by="user:1")
    page = client.get(f"/leads/{ana.id}").text
    assert "Erased person" in page
    assert "This person was erased on" in page
    assert f"/privacy-requests/new?lead={ana.id}" not in page
    assert "ana@example.com" not in page
