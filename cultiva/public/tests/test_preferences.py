"""A person's own page: everything without signing in, nothing by a GET."""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from cultiva.consent.actions import can_contact, confirm, confirmation_token
from cultiva.consent.models import Confirmation, ConsentMark, ConsentState, Evidence
from cultiva.consent.preferences import wishes_of
from cultiva.consent.receipts import preference_token
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope
from cultiva.mailing.models import Outbox
from cultiva.privacy.erasing import erase_person
from cultiva.privacy.models import PrivacyRequest
from cultiva.public.tests.conftest import Visitor
from cultiva.scoring.actions import publish_model


@pytest.fixture
def lead(visitor: Visitor, huerta: Any) -> Lead:
    visitor.send(purpose__marketing="on")
    lead = Lead.objects.get(workspace_id=huerta.id)
    confirm(token=confirmation_token(Confirmation.objects.get(lead_id=lead.id)), at=visitor.watch.now)
    visitor.watch.pass_time(hours=1)
    return lead


@pytest.fixture
def path(lead: Lead) -> str:
    return f"/c/my/{preference_token(lead.workspace_id, lead.id)}"


def states() -> dict[str, str]:
    return dict(ConsentState.objects.values_list("purpose", "state"))


def may_mail(lead: Lead, at: datetime) -> bool:
    decided = can_contact(
        workspace_id=lead.workspace_id, lead_ids=[lead.id], purpose="marketing", channel="email", at=at
    )  # fmt: skip
    return decided[lead.id].allowed


def test_the_page_shows_what_was_agreed_to_in_both_languages_and_a_get_changes_nothing(
    client: Client, lead: Lead, path: str
) -> None:
    before = Evidence.objects.count()
    spanish, english = (client.get(f"{path}?lang={code}").content.decode() for code in ("es", "en"))
    assert "Quiero recibir consejos y ofertas" in spanish
    assert "I want to receive advice and offers" in english
    assert re.findall(r'name="purpose-(\w+)" checked', english) == ["marketing"]
    client.head(path)
    assert Evidence.objects.count() == before
    assert client.get(f"{path}x").status_code == client.get("/c/my/nothing").status_code == 404


def test_boxes_frequency_pause_and_language_are_saved_together(
    client: Client, lead: Lead, path: str, visitor: Visitor
) -> None:
    day = (visitor.watch.now + timedelta(days=20)).date().isoformat()
    sent = {"do": "save", "purpose-phone": "on", "frequency": "monthly", "paused_until": day, "language": "en"}
    page = client.post(f"{path}?lang=en", sent).content.decode()
    assert "counts once you press the button" in page
    assert states() == {"marketing": "withdrawn", "phone": "given"}
    given = Evidence.objects.get(act="given", purpose="phone").payload.payload
    assert (given["checkbox_label_text"], given["boxes_ticked"]) == ("You may call me", ["purpose-phone"])
    assert Confirmation.objects.filter(lead_id=lead.id, confirmed_at=None).count() == 1
    wishes = wishes_of(workspace_id=lead.workspace_id, lead_id=lead.id, at=visitor.watch.now)
    assert wishes.paused_until
    assert (wishes.frequency, wishes.paused_until.astimezone(ZoneInfo("Europe/Madrid")).date().isoformat()) == (
        "monthly", day,
    )  # fmt: skip
    lead.refresh_from_db()
    assert lead.language == "en"


def test_a_pause_that_cannot_be_is_refused_and_nothing_is_saved(client: Client, lead: Lead, path: str) -> None:
    answer = client.post(path, {"do": "save", "paused_until": "2199-01-01", "frequency": "any"})
    assert answer.status_code == 422
    assert states() == {"marketing": "given"}


def test_one_press_stops_everything_at_once(client: Client, lead: Lead, path: str, visitor: Visitor) -> None:
    assert may_mail(lead, visitor.watch.now)
    assert client.post(path, {"do": "stop"}).status_code == 200
    assert states() == {"marketing": "withdrawn", "profiling": "withdrawn"}
    assert not may_mail(lead, visitor.watch.now)


def test_a_person_reads_how_their_score_is_made_and_objects_with_one_press(
    client: Client, lead: Lead, path: str, visitor: Visitor
) -> None:
    text = """{model: m, dimensions: {all: {}}, rules: [
      {key: sends, name: {es: Pide algo, en: Asked for something}, when: {not: {event: purchase}}, points: 7}]}"""
    publish_model(workspace_id=lead.workspace_id, text=text, at=visitor.watch.now)
    since = visitor.watch.now - timedelta(minutes=1)
    with workspace_scope(lead.workspace_id):
        marks = ConsentMark.objects.filter(lead_id=lead.id)
        assert marks.update(valid_since=since, profiled_since=since) == 1
    spanish, english = (client.get(f"{path}?lang={code}").content.decode() for code in ("es", "en"))
    assert re.findall(r"<li>(Pide algo.*?)</li>", spanish) == ["Pide algo: 7"]
    assert "Asked for something: 7" in english
    page = client.post(f"{path}?lang=en", {"do": "object"}).content.decode()
    assert "we keep no score" in page
    assert "Asked for something" not in page
    assert states() == {"marketing": "given", "profiling": "withdrawn"}


def test_a_right_is_exercised_with_a_press_and_shown_with_its_day(client: Client, lead: Lead, path: str) -> None:
    page = client.post(f"{path}?lang=en", {"do": "ask", "right": "access", "text": "All of it."}).content.decode()
    request = PrivacyRequest.objects.get()
    assert (request.kind, request.way, request.identified_at is not None) == ("access", "link", True)
    assert "answered by" in page
    assert client.post(path, {"do": "ask", "right": "everything"}).status_code == 422


def test_the_link_is_mailed_and_nobody_learns_who_is_known(client: Client, lead: Lead) -> None:
    known, unknown = (
        client.post("/c/ask/huerta?lang=en", {"email": email}) for email in ("ana@example.com", "eva@example.com")
    )
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    client.post("/c/ask/huerta", {"email": "ana@example.com"})
    assert Outbox.objects.filter(cause_kind="preference_link").count() == 1
    for _ in range(60):
        answer = client.post("/c/ask/huerta", {"email": "ana@example.com"})
    assert (answer.status_code, "Retry-After" in answer) == (429, True)


def test_who_was_erased_has_no_page_any_more(client: Client, lead: Lead, path: str, visitor: Visitor) -> None:
    erase_person(workspace_id=lead.workspace_id, lead_id=lead.id, at=visitor.watch.now, by="user:1")
    assert client.get(path).status_code == client.post(path, {"do": "stop"}).status_code == 404
