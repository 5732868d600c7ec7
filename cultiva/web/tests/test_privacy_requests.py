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
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead
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
