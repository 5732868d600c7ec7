"""The links that mails carry."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError
from django.test import Client

from cultiva.consent.actions import can_contact, confirmation_token
from cultiva.consent.models import Confirmation, ConsentMark, ConsentState, Evidence, PurposeVersion
from cultiva.events.models import Event
from cultiva.leads.models import Lead
from cultiva.lib.signing import sign
from cultiva.magnets.actions import download_link
from cultiva.magnets.models import Grant
from cultiva.magnets.tests.documents import make_pdf
from cultiva.public.tests.conftest import BROWSER, Visitor

SCANNER = "Mozilla/5.0 (compatible; Barracuda Link Scanner)"


@pytest.fixture
def lead(visitor: Visitor, huerta: Any) -> Lead:
    visitor.send(purpose__marketing="on", purpose__phone="on")
    return Lead.objects.get(workspace_id=huerta.id)


@pytest.fixture
def confirm_path(lead: Lead) -> str:
    return f"/c/confirm/{confirmation_token(Confirmation.objects.get(lead_id=lead.id))}"


@pytest.fixture
def may_mail(lead: Lead, visitor: Visitor) -> Callable[[], bool]:
    def may_mail() -> bool:
        decisions = can_contact(
            workspace_id=lead.workspace_id,
            lead_ids=[lead.id],
            purpose="marketing",
            channel="email",
            at=visitor.watch.now,
        )
        return decisions[lead.id].allowed

    return may_mail


def unsubscribe_path(lead: Lead, purpose: int = 0) -> str:
    return f"/u/{sign('unsubscribe', lead.workspace_id, lead.id, purpose)}"


def test_following_the_link_confirms_nothing_and_its_button_does(
    visitor: Visitor, confirm_path: str, may_mail: Callable[[], bool]
) -> None:
    for agent in (BROWSER, SCANNER):
        page = visitor.client.get(confirm_path, headers={"user-agent": agent})
        assert page.status_code == 200
        assert "<button" in page.content.decode()
    visitor.client.head(confirm_path)
    assert not ConsentMark.objects.get().confirmed_since
    assert not may_mail()
    visitor.watch.pass_time(minutes=5)
    assert visitor.client.post(confirm_path).status_code == 200
    assert may_mail()
    proof = Evidence.objects.get(act="confirmed").payload.payload
    assert (proof["doi_ip"], proof["doi_user_agent"]) == ("127.0.0.1", BROWSER)


def test_confirming_twice_answers_the_same(visitor: Visitor, confirm_path: str) -> None:
    first = visitor.client.post(confirm_path)
    again = visitor.client.post(confirm_path)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert Evidence.objects.filter(act="confirmed").count() == 1
    assert "<button" not in visitor.client.get(confirm_path).content.decode()


def test_a_confirmation_that_came_too_late_says_so(visitor: Visitor, confirm_path: str) -> None:
    visitor.watch.pass_time(days=4)
    for answer in (visitor.client.get(confirm_path), visitor.client.post(confirm_path)):
        assert answer.status_code == 410
    assert not ConsentMark.objects.get().confirmed_since


def test_a_mail_program_unsubscribes_with_one_post(
    visitor: Visitor, lead: Lead, confirm_path: str, may_mail: Callable[[], bool]
) -> None:
    visitor.client.post(confirm_path)
    bare = Client(enforce_csrf_checks=True)
    path = unsubscribe_path(lead)
    for agent in (BROWSER, SCANNER):
        assert bare.get(path, headers={"user-agent": agent}).status_code == 200
    bare.head(path)
    assert may_mail()
    visitor.watch.pass_time(minutes=1)
    answer = bare.post(path, b"List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    assert not answer.cookies
    assert not may_mail()
    assert bare.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200  # multipart, and again
    assert Evidence.objects.filter(act="withdrawn").count() == 1
    assert Event.objects.filter(kind="consent", name="withdrawn").count() == 1


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"\xff\x00" * 1000, "application/x-www-form-urlencoded"),
        (b"--b\r\ngarbage", "multipart/form-data; boundary=b"),
        (b"x", "multipart/form-data"),
    ],
)
def test_unsubscribing_asks_for_nothing(
    visitor: Visitor, lead: Lead, may_mail: Callable[[], bool], body: bytes, content_type: str
) -> None:
    assert visitor.client.post(unsubscribe_path(lead), body, content_type=content_type).status_code == 200
    assert ConsentState.objects.get(lead_id=lead.id, purpose="marketing").state == "withdrawn"


def test_a_link_may_end_one_purpose_alone(visitor: Visitor, lead: Lead) -> None:
    phone = PurposeVersion.objects.get(key="phone")
    assert visitor.client.post(unsubscribe_path(lead, phone.id)).status_code == 200
    states = dict(ConsentState.objects.filter(lead_id=lead.id).values_list("purpose", "state"))
    assert states == {"marketing": "given", "phone": "withdrawn"}


def test_the_page_is_in_the_leads_language_and_shows_nothing_of_the_lead(visitor: Visitor, lead: Lead) -> None:
    page = visitor.client.get(unsubscribe_path(lead))
    assert '<html lang="es">' in page.content.decode()
    assert '<html lang="en">' in visitor.client.get(unsubscribe_path(lead) + "?lang=en").content.decode()
    for answer in (page, visitor.client.post(unsubscribe_path(lead))):
        assert lead.email not in answer.content.decode()
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Robots-Tag"] == "noindex"


def test_forged_links_get_one_neutral_answer(visitor: Visitor, lead: Lead, other_co: Any, confirm_path: str) -> None:
    real = unsubscribe_path(lead)
    forged = [
        real[:-1], real + "x", "/u/x", "/u/1.1.1.", "/c/confirm/x", confirm_path[:-3], "/d/x", "/d/1.1.1.abc",
        "/c/confirm/%00", "/u/%ff", "/d/%F0%9F%92%A9", unsubscribe_path(Lead(id=lead.id, workspace_id=other_co.id)),
        unsubscribe_path(Lead(id=10**9, workspace_id=lead.workspace_id)),
    ]  # fmt: skip
    answers = [visitor.client.get(path) for path in forged]
    answers += [visitor.client.post(path) for path in forged if not path.startswith("/d/")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert not ConsentState.objects.filter(state="withdrawn").exists()


def test_a_download_is_the_file_and_says_who_took_it(visitor: Visitor, lead: Lead) -> None:
    path = download_link(Grant.objects.get(lead_id=lead.id), visitor.watch.now)
    answer = visitor.client.get(path)
    assert answer.content == make_pdf()
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="guia-riego.pdf"'
    assert (answer["X-Robots-Tag"], answer["Cache-Control"]) == ("noindex", "no-store")
    assert answer["X-Content-Type-Options"] == "nosniff"
    visitor.watch.pass_time(minutes=1)
    visitor.client.get(path, headers={"user-agent": SCANNER})
    visitor.watch.pass_time(minutes=1)
    visitor.client.head(path)
    visitor.watch.pass_time(minutes=1)
    visitor.client.get(path, headers={"user-agent": "Reader/1.0", "referer": "http://["})
    actors = Event.objects.filter(name="download").order_by("id").values_list("actor", flat=True)
    assert list(actors) == ["human", "machine", "machine", "unknown"]


def test_an_expired_download_offers_to_ask_again(visitor: Visitor, lead: Lead) -> None:
    path = download_link(Grant.objects.get(lead_id=lead.id), visitor.watch.now)
    visitor.watch.pass_time(days=15)
    answer = visitor.client.get(path)
    assert answer.status_code == 410
    assert 'href="/f/huerta/guia?lang=es"' in answer.content.decode()
    assert lead.email not in answer.content.decode()


def test_links_hold_no_personal_data(lead: Lead, confirm_path: str, at: datetime) -> None:
    for path in (confirm_path, unsubscribe_path(lead), download_link(Grant.objects.get(lead_id=lead.id), at)):
        assert re.fullmatch(r"/[\w/.-]+", path)
        assert len(path.rpartition(".")[2]) == 22  # 128 bits


def test_health_asks_the_database(client: Client, db: None) -> None:
    assert client.get("/healthz").content == b"ok\n"
    with mock.patch("cultiva.public.health.connection.cursor", side_effect=OperationalError("gone")):
        answer = client.get("/healthz")
    assert (answer.status_code, b"gone" in answer.content) == (503, False)
