"""The outbox, and what becomes of mails whatever the server, the reader or a crash does."""

import socket
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from cultiva.accounts.actions import create_user, use_sign_in_link
from cultiva.accounts.models import Workspace
from cultiva.consent.actions import request_confirmation, suppress, withdraw
from cultiva.consent.models import Suppression
from cultiva.consent.rules import publish_rules
from cultiva.events.actions import claim_new_events
from cultiva.events.batch import Batch
from cultiva.events.models import Event
from cultiva.lib.config import SmtpServer
from cultiva.lib.database import execute, fetch_all, workspace_scope
from cultiva.mailing import letters, sending
from cultiva.mailing.actions import Addressee, UnknownTemplate, answer, put_in_outbox, send_sign_in_link
from cultiva.mailing.carriers.base import ACCEPTED
from cultiva.mailing.carriers.smtp import Smtp
from cultiva.mailing.letters import load_house
from cultiva.mailing.models import Outbox
from cultiva.mailing.sending import MAX_ATTEMPTS, SendingError, claim_due, pause_after, send_claimed, send_due
from cultiva.mailing.tests.cast import (
    Sink,
    ask_for_news,
    mails_of,
    make_reader,
    outbox_of,
    states_of,
    text_of,
)

HOUR = timedelta(hours=1)


def send(workspace: Workspace, at: datetime) -> int:
    return send_due(workspace_id=workspace.id, at=at)


def news_of(workspace: Workspace, kind: str = "send") -> list[tuple[str, dict[str, Any]]]:
    with workspace_scope(workspace.id):
        found = Event.objects.filter(workspace_id=workspace.id, kind=kind).order_by("id")
        return [(event.name, event.properties) for event in found]


def run_out_of_lease(workspace: Workspace) -> None:
    with workspace_scope(workspace.id):
        execute("UPDATE outbox SET lease_until = '2020-01-01Z' WHERE lease_until IS NOT NULL")


def test_a_mail_is_sent_once_and_told(company: Workspace, sink: Sink, at: datetime) -> None:
    ana = make_reader(company, at)
    ask_for_news(company, [ana], at)
    assert send(company, at) == 1
    assert send(company, at) == 0
    row = outbox_of(company)[0]
    assert (row.state, row.attempts, row.accepted_at, row.lease_until) == ("accepted", 1, at, None)
    assert row.consent_evidence_id is not None
    assert sink.envelopes == [("privacidad@huerta.example", ["ana@example.com"])]
    assert sink.mails[0]["Message-ID"] == row.message_id
    name, properties = news_of(company)[0]
    assert name == "email_sent"
    assert properties == {
        "template": "novedades",
        "outbox": row.id,
        "purpose": "marketing",
        "outcome": "sent",
        "subject": "Ana, novedades de riego",
    }


def test_a_cause_gives_one_mail_however_often_it_is_asked_for(company: Workspace, at: datetime) -> None:
    ana, eva = make_reader(company, at), make_reader(company, at, "eva@example.com")
    assert ask_for_news(company, [ana, eva], at) == 2
    assert ask_for_news(company, [ana, eva], at) == 0
    assert ask_for_news(company, [ana], at, cause="2") == 1
    assert len({row.message_id for row in outbox_of(company)}) == 3


def test_a_mail_waits_for_its_time(company: Workspace, sink: Sink, at: datetime) -> None:
    ana = make_reader(company, at)
    with workspace_scope(company.id):
        put_in_outbox(
            workspace_id=company.id, cause_kind="workflow", template="novedades",
            addressees=[Addressee("1", ana.id)], at=at, not_before=at + HOUR,
        )  # fmt: skip
    assert send(company, at) == 0
    assert send(company, at + HOUR) == 1


def test_an_unknown_template_is_named_with_its_nearest(huerta_mails: Workspace, at: datetime) -> None:
    with pytest.raises(UnknownTemplate, match=r"No template `novedade`\.\nhint: did you mean `novedades`\?"):
        put_in_outbox(
            workspace_id=huerta_mails.id,
            cause_kind="x",
            template="novedade",
            addressees=[Addressee("1", 1)],
            at=at,
        )


def test_who_withdraws_after_the_mail_was_asked_for_gets_none(company: Workspace, sink: Sink, at: datetime) -> None:
    ana, eva = make_reader(company, at), make_reader(company, at, "eva@example.com")
    ask_for_news(company, [ana, eva], at)
    withdraw(workspace_id=company.id, lead_id=ana.id, purpose="marketing", channel="email", at=at)
    send(company, at)
    assert states_of(company) == ["refused", "accepted"]
    assert outbox_of(company)[0].reason == "objected"
    assert ("email_refused", "objected") in [(name, p.get("reason")) for name, p in news_of(company)]
    assert [to for _, to in sink.envelopes] == [["eva@example.com"]]


def test_who_withdraws_while_a_batch_is_sent_gets_none(
    company: Workspace, sink: Sink, at: datetime, monkeypatch: Any
) -> None:
    """Five are claimed, one withdraws, the first leaves and the second is over: the rest is asked anew."""
    readers = [make_reader(company, at, f"r{n}@example.com") for n in range(5)]
    ask_for_news(company, readers, at)
    monkeypatch.setattr(sending, "WORK_SECONDS", 0.0)
    with Smtp() as carrier:
        claim = claim_due(company.id, at, is_transactional=False)
        withdraw(workspace_id=company.id, lead_id=readers[4].id, purpose="marketing", channel="email", at=at)
        assert send_claimed(claim, carrier) == 1
    assert states_of(company) == ["accepted", "ready", "ready", "ready", "ready"]
    assert [row.attempts for row in outbox_of(company)] == [1, 0, 0, 0, 0]
    while send(company, at):
        pass
    assert states_of(company) == ["accepted"] * 4 + ["refused"]


def test_a_mail_that_cannot_be_written_holds_nobody_up(
    company: Workspace, sink: Sink, at: datetime, monkeypatch: Any
) -> None:
    """A fault of ours: it is tried again later, like a server's."""
    readers = [make_reader(company, at, f"r{n}@example.com") for n in range(3)]
    ask_for_news(company, readers, at)
    write = letters.lead_values

    def fail_for_the_first(email: str, attributes: Any) -> Any:
        if email == "r0@example.com":
            raise KeyError("oops")
        return write(email, attributes)

    monkeypatch.setattr(letters, "lead_values", fail_for_the_first)
    assert send(company, at) == 3
    first = outbox_of(company)[0]
    assert (first.reason, first.attempts) == ("KeyError: 'oops'", 1)
    assert states_of(company) == ["retry", "accepted", "accepted"]
    monkeypatch.undo()
    assert send(company, at + HOUR) == 1


def test_what_waits_for_somebody_who_withdrew_is_cancelled(huerta_mails: Workspace, at: datetime) -> None:
    ana = make_reader(huerta_mails, at)
    ask_for_news(huerta_mails, [ana], at)
    withdraw(workspace_id=huerta_mails.id, lead_id=ana.id, purpose="marketing", channel="email", at=at)
    events = claim_new_events(workspace_id=huerta_mails.id, limit=100)
    answer(Batch(workspace_id=huerta_mails.id, at=at, events=events, lead_ids=[ana.id]))
    newsletter = Outbox.objects.get(workspace_id=huerta_mails.id, cause_kind="workflow")
    assert (newsletter.state, newsletter.reason) == ("cancelled", "withdrawn")


@pytest.mark.parametrize(
    ("reply", "state", "reason", "is_suppressed"),
    [
        ("450 4.2.0 Greylisted <ana@example.com>", "retry", "450 4.2.0 Greylisted <…>", False),
        ("421 4.3.2 Closing", "retry", "421 4.3.2 Closing", False),
        ("452 4.2.2 Mailbox full", "retry", "452 4.2.2 Mailbox full", False),
        ("550 5.1.1 No such user", "failed", "550 5.1.1 No such user", True),
        ("550 5.1.10 Null MX", "failed", "550 5.1.10 Null MX", True),
        ("550 5.4.1 Recipient address rejected", "failed", "550 5.4.1 Recipient address rejected", True),
        ("552 5.2.2 Mailbox full", "failed", "552 5.2.2 Mailbox full", False),
        ("550 5.7.515 Access denied", "failed", "550 5.7.515 Access denied", False),
        ("554 No", "failed", "554 No", False),
    ],
)
@pytest.mark.parametrize("where", ["replies", "data_replies"])
def test_the_servers_answer_decides(
    company: Workspace,
    sink: Sink,
    at: datetime,
    where: str,
    reply: str,
    state: str,
    reason: str,
    is_suppressed: bool,
) -> None:
    getattr(sink, where)["ana@example.com"] = reply
    ask_for_news(company, [make_reader(company, at)], at)
    send(company, at)
    row = outbox_of(company)[0]
    assert (row.state, row.reason, row.attempts) == (state, reason, 1)
    with workspace_scope(company.id):
        assert Suppression.objects.filter(workspace_id=company.id, reason="hard_bounce").exists() is is_suppressed
    told = [name for name, _ in news_of(company)]
    assert told == (["email_failed"] if state == "failed" else [])


def test_a_refused_reader_does_not_hold_up_the_next(company: Workspace, sink: Sink, at: datetime) -> None:
    sink.replies["r1@example.com"] = "550 5.1.1 No such user"
    sink.data_replies["r2@example.com"] = "451 4.3.0 Later"
    ask_for_news(company, [make_reader(company, at, f"r{n}@example.com") for n in range(4)], at)
    assert send(company, at) == 4
    assert states_of(company) == ["accepted", "failed", "retry", "accepted"]


def test_a_sender_the_server_does_not_want_costs_no_mail(company: Workspace, sink: Sink, at: datetime) -> None:
    sink.sender_reply = "550 5.7.1 Sender not allowed"
    ask_for_news(company, [make_reader(company, at)], at)
    send(company, at)
    assert states_of(company) == ["retry"]


def test_retries_take_longer_each_time_and_end_within_72_hours() -> None:
    pauses = [pause_after(attempt) for attempt in range(1, MAX_ATTEMPTS)]
    assert pauses[:3] == [timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=20)]
    assert timedelta(hours=60) < sum(pauses, timedelta()) <= timedelta(hours=72)


def test_a_mail_nobody_takes_is_given_up(company: Workspace, sink: Sink, at: datetime) -> None:
    sink.replies["ana@example.com"] = "450 4.2.0 Greylisted"
    ask_for_news(company, [make_reader(company, at)], at)
    moment = at
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert send(company, moment) == 1
        assert send(company, moment) == 0
        moment += pause_after(attempt)
    row = outbox_of(company)[0]
    assert (row.state, row.attempts) == ("failed", MAX_ATTEMPTS)


def test_a_server_that_hangs_up_after_the_message_leaves_it_uncertain(
    company: Workspace, sink: Sink, at: datetime
) -> None:
    """Marketing mail is not sent again; the mails behind it go on with the next connection."""
    sink.data_replies["r0@example.com"] = "hang up"
    ask_for_news(company, [make_reader(company, at, f"r{n}@example.com") for n in range(3)], at)
    send(company, at)
    assert states_of(company) == ["uncertain", "ready", "ready"]
    assert [row.attempts for row in outbox_of(company)] == [1, 0, 0]
    while send(company, at):
        pass
    assert states_of(company) == ["uncertain", "accepted", "accepted"]
    assert [name for name, _ in news_of(company)] == ["email_uncertain", "email_sent", "email_sent"]


def test_a_server_that_is_down_touches_no_mail(company: Workspace, settings: Any, at: datetime) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    settings.SMTP = SmtpServer(host="127.0.0.1", port=port, user="", password="", security="plain")
    settings.MAIL_CARRIER = "smtp"
    ask_for_news(company, [make_reader(company, at)], at)
    assert send(company, at) == 0
    row = outbox_of(company)[0]
    assert (row.state, row.attempts, row.lease_until) == ("ready", 0, None)


def test_the_claim_of_a_dead_sender_is_ready_again(company: Workspace, sink: Sink, at: datetime) -> None:
    ask_for_news(company, [make_reader(company, at)], at)
    claim_due(company.id, at, is_transactional=False)
    assert states_of(company) == ["claimed"]
    assert send(company, at) == 0
    run_out_of_lease(company)
    assert send(company, at) == 1
    assert states_of(company) == ["accepted"]


@pytest.fixture
def dead_while_sending(company: Workspace, at: datetime) -> Workspace:
    """A sender died between `sending` and the answer: one newsletter, one confirmation."""
    ana = make_reader(company, at)
    ask_for_news(company, [ana], at)
    with workspace_scope(company.id):
        request_confirmation(workspace_id=company.id, lead_id=ana.id, at=at + HOUR)
        events = claim_new_events(workspace_id=company.id, limit=100)
        answer(Batch(workspace_id=company.id, at=at, events=[e for e in events if e.occurred_at > at]))
        execute("UPDATE outbox SET state = 'sending', attempts = 1, lease_until = '2020-01-01Z'")
    return company


def test_marketing_in_flight_is_never_sent_twice(dead_while_sending: Workspace, sink: Sink, at: datetime) -> None:
    while send(dead_while_sending, at + HOUR):
        pass
    news, confirmation = outbox_of(dead_while_sending)
    assert (news.state, news.purpose) == ("uncertain", "marketing")
    assert (confirmation.state, confirmation.purpose) == ("accepted", "transactional")
    assert [mail["Message-ID"] for mail in sink.mails] == [confirmation.message_id]
    assert [name for name, _ in news_of(dead_while_sending)] == ["email_uncertain", "email_sent"]


def test_a_late_answer_still_counts(company: Workspace, sink: Sink, at: datetime) -> None:
    """A sender that was only slow finds its marketing mail uncertain, and knows better."""
    ask_for_news(company, [make_reader(company, at)], at)
    claim = claim_due(company.id, at, is_transactional=False)
    with workspace_scope(company.id):
        house = load_house(company.id)
    begun, _ = sending.begin_sending(claim, house, claim.rows)
    with workspace_scope(company.id):
        execute("UPDATE outbox SET state = 'uncertain'")
    sending.settle(claim, [(begun[0], ACCEPTED)])
    assert states_of(company) == ["accepted"]


def test_two_senders_never_send_the_same_mail(company: Workspace, sink: Sink, at: datetime) -> None:
    ask_for_news(company, [make_reader(company, at, f"r{n}@example.com") for n in range(3)], at)
    first = claim_due(company.id, at, is_transactional=False)
    second = claim_due(company.id, at, is_transactional=False)
    assert (len(first.rows), len(second.rows)) == (3, 0)
    run_out_of_lease(company)
    with workspace_scope(company.id):
        sending.give_up_on_dead_senders(company.id, at)
    third = claim_due(company.id, at, is_transactional=False)
    with Smtp() as carrier:
        assert send_claimed(first, carrier) == 0  # its lease is over
        assert send_claimed(third, carrier) == 3
    assert len(sink.mails) == 3


def test_mail_that_somebody_waits_for_goes_first(company: Workspace, sink: Sink, at: datetime) -> None:
    ask_for_news(company, [make_reader(company, at)], at)
    marta = create_user(email=f"marta-{company.slug}@example.com", full_name="Marta Gil", at=at)
    send_sign_in_link(workspace_id=company.id, user=marta, at=at + HOUR)
    assert send(company, at + HOUR) == 1
    assert sink.mails[0]["To"] == marta.email
    link = text_of(sink.mails[0]).split("/sign-in/")[1].split()[0]
    assert use_sign_in_link(token=link, at=at + HOUR) == marta
    with workspace_scope(company.id):
        kept = fetch_all("SELECT variables::text AS kept FROM outbox WHERE user_id IS NOT NULL")
    assert link not in kept[0]["kept"]


def test_sending_inside_a_transaction_is_refused(company: Workspace, sink: Sink, at: datetime) -> None:
    ask_for_news(company, [make_reader(company, at)], at)
    with (
        workspace_scope(company.id),
        pytest.raises(SendingError, match="call send_due outside workspace_scope"),
    ):
        send(company, at)
    assert sink.mails == []


def test_no_transaction_is_open_while_a_mail_leaves(company: Workspace, sink: Sink, at: datetime) -> None:
    """The row says `sending` to everybody else before the first byte leaves."""
    seen: list[str] = []

    def look() -> None:
        seen.extend(states_of(company))
        connection.close()

    sink.on_data = look
    ask_for_news(company, [make_reader(company, at)], at)
    send(company, at)
    assert seen == ["sending"]


def test_a_suppressed_address_gets_nothing_but_what_it_asks_for(huerta_mails: Workspace, at: datetime) -> None:
    ana = make_reader(huerta_mails, at)
    suppress(workspace_id=huerta_mails.id, email="ana@example.com", reason="hard_bounce", at=at)
    ask_for_news(huerta_mails, [ana], at)
    send(huerta_mails, at)
    assert [row.reason for row in outbox_of(huerta_mails)] == ["undeliverable"]


def test_other_companies_see_neither_mails_nor_outbox(
    huerta_mails: Workspace, other_co: Workspace, at: datetime
) -> None:
    ask_for_news(huerta_mails, [make_reader(huerta_mails, at)], at)
    assert send(huerta_mails, at) == 1
    with workspace_scope(other_co.id):
        for table in ("outbox", "mailbox_message", "template_version"):
            assert fetch_all(f"SELECT count(*) AS n FROM {table}")[0]["n"] == 0
        assert execute("UPDATE outbox SET state = 'ready'") == 0
    assert send(other_co, at) == 0
    assert len(mails_of(huerta_mails)) == 1


def test_a_mail_outside_the_hours_of_the_law_waits_for_them(company: Workspace, sink: Sink, at: datetime) -> None:
    with workspace_scope(company.id):
        publish_rules(workspace_id=company.id, text="consent_rules: workspace\njurisdiction: CO", at=at)
        company.time_zone = "America/Bogota"
        company.save()
    night = at.replace(hour=3)  # ten in the evening in Bogotá
    ana = make_reader(company, night)
    ask_for_news(company, [ana], night)
    send(company, night)
    row = outbox_of(company)[0]
    assert (row.state, row.reason, row.not_before) == ("ready", "outside_hours", at)  # seven in the morning there
    assert sink.envelopes == []
    send(company, at)
    assert [row.state for row in outbox_of(company)] == ["accepted"]
