"""Requests by the rights of people: their clock, what acts at once, who closes them and with what."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.utils import ProgrammingError

from cultiva.accounts.actions import create_user, grant_role
from cultiva.accounts.models import AuditEntry, Role, User
from cultiva.consent.actions import can_contact, publish_policy, publish_purpose, record_consents
from cultiva.consent.evidence import Circumstances
from cultiva.consent.jurisdictions import jurisdictions
from cultiva.consent.models import ConsentMark
from cultiva.consent.preferences import BadPreference, Wishes, save_wishes
from cultiva.consent.rules import publish_rules
from cultiva.consent.tests.conftest import prove
from cultiva.consent.tests.documents import MARKETING, POLICY
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead
from cultiva.lib.database import execute
from cultiva.mailing.actions import Addressee, publish_template, put_in_outbox
from cultiva.mailing.models import Outbox
from cultiva.mailing.sending import send_due
from cultiva.mailing.tests.cast import NEWS
from cultiva.privacy.models import PrivacyRequest
from cultiva.privacy.requests import (
    Evidence,
    RequestRefused,
    close,
    erase_for,
    extend,
    extended_due,
    identify,
    name_person,
    receive_request,
    steps_of,
)

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ana(huerta: Any, at: datetime) -> Lead:
    """Valid, confirmed, and on the list for news."""
    policy = publish_policy(workspace_id=huerta.id, text=POLICY, at=at)
    marketing = publish_purpose(workspace_id=huerta.id, text=MARKETING, at=at)
    publish_template(workspace_id=huerta.id, text=NEWS, at=at)
    lead, _ = save_lead(
        workspace_id=huerta.id, email="ana@example.com", attributes={"first_name": "Ana"}, source_kind="form", at=at
    )
    record_consents(
        workspace_id=huerta.id, lead_id=lead.id, policy=policy, purposes=[marketing], language="es",
        circumstances=Circumstances(form="guia"), at=at,
    )  # fmt: skip
    prove(lead, at + MINUTE)
    return lead


@pytest.fixture
def officer(huerta: Any, at: datetime) -> User:
    user = create_user(email="dpd@huerta.example", full_name="Luz Peña", at=at)
    grant_role(workspace_id=huerta.id, user=user, role=Role.PRIVACY, at=at)
    return user


def ask(lead: Lead, kind: str, at: datetime, **more: Any) -> PrivacyRequest:
    given = {"way": "link", "by": "lead"} | more
    return receive_request(workspace_id=lead.workspace_id, kind=kind, at=at, lead_id=lead.id, **given)


def reason(lead: Lead, at: datetime) -> str:
    decided = can_contact(
        workspace_id=lead.workspace_id, lead_ids=[lead.id], purpose="marketing", channel="email", at=at
    )  # fmt: skip
    return decided[lead.id].reason


def send_news(lead: Lead, at: datetime, cause: str) -> Outbox:
    put_in_outbox(
        workspace_id=lead.workspace_id, cause_kind="workflow", template="novedades", at=at,
        addressees=[Addressee(cause, lead.id)],
    )  # fmt: skip
    return Outbox.objects.get(cause_kind="workflow", cause_id=cause)


@pytest.mark.parametrize(
    ("law", "received", "due", "extended"),
    [
        ("ES", date(2026, 1, 31), date(2026, 2, 28), date(2026, 4, 30)),
        ("EU", date(2026, 3, 10), date(2026, 4, 10), date(2026, 6, 10)),
        ("MX", date(2026, 3, 10), date(2026, 4, 7), date(2026, 5, 5)),
        ("CO", date(2026, 3, 10), date(2026, 3, 25), date(2026, 4, 1)),
    ],
)
def test_the_clock_is_that_of_the_workspace_s_law(law: str, received: date, due: date, extended: date) -> None:
    profile = jurisdictions()[law]
    first = profile.due_on("answer", received)
    assert (first, extended_due(profile, received, first)) == (due, extended)


def test_the_time_is_extended_once_before_it_is_over_for_a_reason(ana: Lead, officer: User, at: datetime) -> None:
    publish_rules(workspace_id=ana.workspace_id, text="{consent_rules: workspace, jurisdiction: ES}", at=at)
    late = ask(ana, "access", at, received_at=datetime(2026, 1, 31, 12, tzinfo=UTC), way="phone")
    assert late.due_on == date(2026, 2, 28)
    given: dict[str, Any] = {"workspace_id": ana.workspace_id, "by": f"user:{officer.id}"}
    with pytest.raises(RequestRefused):
        extend(request_id=late.id, reason="Many files.", at=at, **given)
    request = ask(ana, "portability", at)
    with pytest.raises(RequestRefused):
        extend(request_id=request.id, reason="  ", at=at, **given)
    assert extend(request_id=request.id, reason="Many files.", at=at, **given).due_on == date(2026, 6, 10)
    with pytest.raises(RequestRefused):
        extend(request_id=request.id, reason="Still.", at=at, **given)


def test_an_objection_acts_at_once_and_what_waits_is_not_sent(ana: Lead, at: datetime) -> None:
    waiting = send_news(ana, at + 2 * MINUTE, "1")
    assert reason(ana, at + 2 * MINUTE) == ""
    request = ask(ana, "objection", at + 3 * MINUTE)
    assert reason(ana, at + 3 * MINUTE) == "objected"
    mark = ConsentMark.objects.get(lead_id=ana.id)
    assert (mark.profiled_since, mark.objected_at) == (None, at + 3 * MINUTE)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == ("cancelled", "objected")
    assert [step.what for step in steps_of(request)] == ["received", "acted"]
    assert ask(ana, "objection", at + 4 * MINUTE).id == request.id  # pressed twice


def test_a_request_by_telephone_waits_for_the_person_and_their_identity(ana: Lead, officer: User, at: datetime) -> None:
    request = receive_request(
        workspace_id=ana.workspace_id, kind="erasure", way="phone", at=at, by=f"user:{officer.id}", contact="600111222"
    )  # fmt: skip
    given: dict[str, Any] = {"workspace_id": ana.workspace_id, "request_id": request.id, "at": at}
    with pytest.raises(RequestRefused):
        erase_for(by="user:1", **given)
    name_person(lead_id=ana.id, by="user:1", **given)
    with pytest.raises(RequestRefused):
        erase_for(by="user:1", **given)
    identify(how="Answered from her address.", by="user:1", **given)
    with pytest.raises(RequestRefused):
        close(outcome="done", text="Erased.", user=officer, **given)
    erase_for(by="user:1", **given)
    proof = Evidence("answer.pdf", "application/pdf", b"%PDF")
    closed = close(outcome="done", text="Erased, answered by letter.", user=officer, evidence=proof, **given)
    assert (closed.outcome, closed.closed_by, closed.contact) == ("done", officer, "")
    steps = steps_of(closed)
    assert [step.what for step in steps] == ["received", "assigned", "identified", "erased", "closed"]
    assert [step.written.text for step in steps if hasattr(step, "written")] == ["", "Erased, answered by letter."]
    assert AuditEntry.objects.filter(action="privacy_request.closed").count() == 1
    with pytest.raises(RequestRefused):
        close(outcome="refused", text="Again.", user=officer, **given)


def test_nothing_is_taken_from_the_history(ana: Lead, at: datetime) -> None:
    ask(ana, "access", at)
    for statement in ("UPDATE privacy_step SET what = 'x'", "DELETE FROM privacy_step", "DELETE FROM privacy_text"):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            execute(statement)


def test_owners_and_privacy_officers_are_told_by_mail_without_a_word_of_the_person(
    ana: Lead, officer: User, at: datetime
) -> None:
    request = ask(ana, "access", at)
    mail = Outbox.objects.get(cause_kind="privacy_notice")
    assert mail.user_id == officer.id
    assert mail.variables["request_url"].endswith(f"/privacy-requests/{request.id}")
    assert "ana" not in str(mail.variables).lower()
    send_due(workspace_id=ana.workspace_id, at=at + MINUTE)
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == ("accepted", "")


def test_a_pause_holds_mails_back_until_its_day(ana: Lead, at: datetime) -> None:
    now, until = at + DAY, at + 10 * DAY
    save_wishes(workspace_id=ana.workspace_id, lead_id=ana.id, wishes=Wishes("any", until), at=now)
    mail = send_news(ana, now, "1")
    send_due(workspace_id=ana.workspace_id, at=now)
    mail.refresh_from_db()
    assert (mail.state, mail.reason, mail.not_before) == ("ready", "paused", until)
    send_due(workspace_id=ana.workspace_id, at=until)
    mail.refresh_from_db()
    assert mail.state == "accepted"
    with pytest.raises(BadPreference):
        save_wishes(workspace_id=ana.workspace_id, lead_id=ana.id, wishes=Wishes("any", at + 999 * DAY), at=now)


def test_who_wants_one_mail_a_week_gets_one_a_week(ana: Lead, at: datetime) -> None:
    save_wishes(workspace_id=ana.workspace_id, lead_id=ana.id, wishes=Wishes("weekly"), at=at)
    now = at + DAY
    mails = [send_news(ana, now, cause) for cause in ("1", "2", "3")]
    sent_on: dict[str, int] = {}
    for day in range(1, 18):
        while send_due(workspace_id=ana.workspace_id, at=at + day * DAY):
            pass
        for mail in mails:
            mail.refresh_from_db()
            if mail.state == "accepted":
                sent_on.setdefault(mail.cause_id, day)
    assert sorted(sent_on.values()) == [1, 8, 15]
