"""Following the links of a mail."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from cultiva.accounts.models import Workspace
from cultiva.consent.actions import withdraw
from cultiva.consent.models import ConsentState
from cultiva.events.models import Event
from cultiva.leads.models import Lead
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.lib.signing import sign
from cultiva.mailing.models import Outbox
from cultiva.mailing.sending import send_due
from cultiva.mailing.tests.cast import ask_for_news, furnish, make_reader
from cultiva.public.clicks import follow_link

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
DAY = timedelta(days=1)


@pytest.fixture
def company(huerta: Workspace, at: datetime) -> Workspace:
    return furnish(huerta, at)


@pytest.fixture
def ana(company: Workspace, at: datetime) -> Lead:
    """A reader to whom the newsletter went at noon."""
    ana = make_reader(company, at)
    ask_for_news(company, [ana], at)
    send_due(workspace_id=company.id, at=at)
    return ana


@pytest.fixture
def mail(company: Workspace, ana: Lead) -> Outbox:
    return Outbox.objects.get(workspace_id=company.id, lead_id=ana.id)


def follow(
    monkeypatch: Any, token: str, moment: datetime, *, method: str = "get", agent: str = FIREFOX, **more: Any
) -> HttpResponse:
    monkeypatch.setattr(clock, "now", lambda: moment)
    request = getattr(RequestFactory(), method)(f"/l/{token}", HTTP_USER_AGENT=agent, **more)
    return follow_link(request, token)


def link(mail: Outbox, number: int) -> str:
    return sign("click", mail.workspace_id, mail.id, number)


def clicks(mail: Outbox) -> list[Event]:
    return list(Event.objects.filter(workspace_id=mail.workspace_id, name="email_clicked").order_by("id"))


def test_a_link_leads_to_its_target_and_is_remembered(mail: Outbox, at: datetime, monkeypatch: Any) -> None:
    response = follow(monkeypatch, link(mail, 1), at + DAY)
    assert (response.status_code, response["Location"]) == (302, "https://huerta.example/precios")
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Robots-Tag"] == "noindex, nofollow"
    assert response["Cache-Control"] == "no-store"
    (click,) = clicks(mail)
    assert (click.kind, click.lead_id, click.by, click.actor) == ("track", mail.lead_id, "lead", "human")
    assert click.properties == {
        "template": "novedades",
        "url": "https://huerta.example/precios",
        "path": "/precios",
        "link": 1,
        "outbox": mail.id,
    }
    assert click.context == {"reasons": [], "user_agent": FIREFOX}


def test_a_double_click_counts_once(mail: Outbox, at: datetime, monkeypatch: Any) -> None:
    for _click in range(2):
        follow(monkeypatch, link(mail, 0), at + DAY)
    follow(monkeypatch, link(mail, 0), at + DAY + timedelta(seconds=1))
    assert len(clicks(mail)) == 2


def test_a_scanner_is_a_machine_and_changes_no_consent(mail: Outbox, at: datetime, monkeypatch: Any) -> None:
    before = list(ConsentState.objects.order_by("id").values())
    for number in (0, 1, 3):
        assert follow(monkeypatch, link(mail, number), at + timedelta(seconds=1)).status_code == 302
    assert {click.actor for click in clicks(mail)} == {"machine"}
    assert all("too_soon" in click.context["reasons"] for click in clicks(mail))
    assert list(ConsentState.objects.order_by("id").values()) == before


def test_three_links_at_once_are_no_person(mail: Outbox, at: datetime, monkeypatch: Any) -> None:
    moments = [at + DAY + timedelta(seconds=s) for s in (0, 0.5, 1)]
    for number, moment in zip((0, 1, 3), moments, strict=True):
        follow(monkeypatch, link(mail, number), moment)
    assert [click.actor for click in clicks(mail)] == ["human", "human", "machine"]
    assert clicks(mail)[2].context["reasons"] == ["many_links_at_once"]


def test_head_goes_on_too_and_is_a_machine(mail: Outbox, at: datetime, monkeypatch: Any) -> None:
    assert follow(monkeypatch, link(mail, 0), at + DAY, method="head").status_code == 302
    follow(monkeypatch, link(mail, 0), at + DAY)
    assert [click.actor for click in clicks(mail)] == ["machine", "human"]
    assert follow(monkeypatch, link(mail, 0), at + DAY, method="post").status_code == 405


@pytest.mark.parametrize(
    "change",
    [
        lambda token, mail: token[:-1],
        lambda token, mail: token + "x",
        lambda token, mail: "",
        lambda token, mail: "a.b.c",
        lambda token, mail: "ñ.1",
        lambda token, mail: sign("unsubscribe", mail.workspace_id, mail.id, 0),
        lambda token, mail: sign("click", mail.workspace_id, mail.id, 99),
        lambda token, mail: sign("click", mail.workspace_id, mail.id, 2),  # mailto: was never rewritten
        lambda token, mail: sign("click", mail.workspace_id, mail.id + 10_000, 0),
        lambda token, mail: sign("click", mail.workspace_id + 10_000, mail.id, 0),
        lambda token, mail: sign("click", mail.workspace_id),
    ],
)
def test_a_forged_link_says_nothing(mail: Outbox, at: datetime, monkeypatch: Any, change: Any) -> None:
    good = link(mail, 0)
    response = follow(monkeypatch, change(good, mail), at + DAY)
    assert response.status_code == 404
    assert b"huerta" not in response.content.lower()
    assert clicks(mail) == []


def test_the_link_of_another_company_finds_nothing_here(
    mail: Outbox, other_co: Workspace, at: datetime, monkeypatch: Any
) -> None:
    assert follow(monkeypatch, sign("click", other_co.id, mail.id, 0), at + DAY).status_code == 404
    with workspace_scope(other_co.id):
        assert not Event.objects.exists()


def test_who_objects_to_profiling_is_no_longer_remembered(
    mail: Outbox, ana: Lead, at: datetime, monkeypatch: Any
) -> None:
    withdraw(workspace_id=mail.workspace_id, lead_id=ana.id, purpose="profiling", channel="none", at=at)
    response = follow(monkeypatch, link(mail, 1), at + DAY)
    assert response["Location"] == "https://huerta.example/precios"
    assert clicks(mail) == []
