"""Sending what waits in the outbox, so that a crash at any moment loses no mail and sends no marketing twice.

    ready ─ claim: locked, consent asked a last time ─→ claimed ─ committed before the first byte ─→ sending
    sending ─→ accepted | retry | failed | uncertain, by the carrier's answer, committed after

Between claim and mail lies at most a second (WORK_SECONDS): what is not sent by then goes back to ready, and
its consent is asked again. When a sender dies its lease ends: claimed becomes ready, sending uncertain.
"""

import itertools
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from cultiva.consent.actions import can_contact, suppress
from cultiva.events.actions import NewEvent, record_events
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.plugins import plugin
from cultiva.mailing.carriers.base import Carrier, CarrierDown, Outcome
from cultiva.mailing.letters import Claimed, House, Letter, Unwritten, load_house, write_letters
from cultiva.mailing.models import UNCONFIRMED, TemplateVersion
from cultiva.mailing.models import OutboxState as State

log = logging.getLogger(__name__)

Json = dict[str, Any]

CLAIM_SIZE = 100  # servers commonly take about this many mails a connection
COMMIT_SIZE = 20  # mails that a crash can leave uncertain
WORK_SECONDS = 1.0
LEASE = timedelta(seconds=120)  # real time; a mail takes at most four exchanges of ten seconds
FIRST_RETRY, LONGEST_RETRY = timedelta(minutes=5), timedelta(hours=12)
WAIT, PATIENCE = timedelta(hours=1), timedelta(hours=72)  # for a confirmation; its link lives 72 h
MAX_ATTEMPTS = 13  # 5 minutes, doubled up to 12 hours: 69 hours in all
# The address does not exist. 5.7.x is a policy about us and says nothing of the reader.
DEAD_ADDRESS = ("5.1.1", "5.1.2", "5.1.3", "5.1.10", "5.4.1", "5.4.4", "5.4.310")


class SendingError(Exception):
    """Mails cannot be sent from here."""


@dataclass(frozen=True)
class Claim:
    """Rows that are ours until the lease ends. `settled`: how many were refused on the way."""

    workspace_id: int
    at: datetime
    lease: datetime
    began: float  # time.monotonic()
    rows: list[Claimed]
    settled: int

    @property
    def is_over(self) -> bool:
        return time.monotonic() - self.began > WORK_SECONDS


@dataclass(frozen=True)
class News:
    """What became of a mail, for the ledger: sent, refused, failed or uncertain."""

    outbox_id: int
    lead_id: int | None
    template_id: int
    purpose: str
    outcome: str
    more: Json

    @classmethod
    def of(cls, row: Claimed, outcome: str, **more: str) -> "News":
        return cls(row.id, row.lead_id, row.template_id, row.purpose, outcome, more)


def send_due(*, workspace_id: int, at: datetime) -> int:
    """Send one batch of a workspace's due mails; returns how many it dealt with, 0 where nothing is due.

    To be called outside any transaction: it commits between its steps. Transactional mail goes first.
    Where the carrier is down, nothing is touched.
    """
    with workspace_scope(workspace_id):
        give_up_on_dead_senders(workspace_id, at)
        if not is_due(workspace_id, at):
            return 0
    carrier: Carrier = plugin("carriers", settings.MAIL_CARRIER)()
    if connection.in_atomic_block and not carrier.is_local:
        raise SendingError("Mails cannot be sent inside a transaction.\nhint: call send_due outside workspace_scope")
    try:
        with carrier:
            return send_batch(workspace_id, at, carrier)
    except CarrierDown as error:
        log.warning("event=mail.carrier_down carrier=%s reason=%s", carrier.kind, str(error).replace("\n", " "))
        return 0


def send_batch(workspace_id: int, at: datetime, carrier: Carrier) -> int:
    for is_transactional in (True, False):
        claim = claim_due(workspace_id, at, is_transactional=is_transactional)
        if claim.rows or claim.settled:
            return claim.settled + send_claimed(claim, carrier)
    return 0


def claim_due(workspace_id: int, at: datetime, *, is_transactional: bool) -> Claim:
    """Take mails out of the queue, with the last word of consent in the same transaction."""
    with workspace_scope(workspace_id):
        lease = database_clock() + LEASE
        found = fetch_all(
            load_sql("mailing", "claim_due"),
            {"workspace": workspace_id, "at": at, "is_transactional": is_transactional, "limit": CLAIM_SIZE},
        )
        rows = [Claimed(**_decoded(row)) for row in found]
        allowed, refused = ask_consent(workspace_id, rows, at)
        changes = [{"id": row.id, "state": State.CLAIMED, "consent_evidence_id": row.evidence_id} for row in allowed]
        move(workspace_id, changes, states=[State.READY, State.RETRY], lease=lease)
        refuse(workspace_id, refused, at)
    return Claim(workspace_id, at, lease, time.monotonic(), allowed, settled=len(refused))


def ask_consent(
    workspace_id: int, rows: Sequence[Claimed], at: datetime
) -> tuple[list[Claimed], list[tuple[Claimed, str]]]:
    """(the mails that may go, with their evidence; the others with the reason). Staff are not asked.

    The reason is `unconfirmed` while a consent waits for double opt-in: the mail waits with it.
    """
    allowed, refused = [row for row in rows if row.lead_id is None], []
    rest = rest_of(workspace_id, [row for row in rows if not row.is_transactional], at)
    by_purpose = sorted((row for row in rows if row.lead_id is not None), key=lambda row: row.purpose)
    for purpose, group in itertools.groupby(by_purpose, key=lambda row: row.purpose):
        of_purpose = list(group)
        decisions = can_contact(
            workspace_id=workspace_id,
            lead_ids=[row.lead_id for row in of_purpose if row.lead_id is not None],
            purpose=purpose,
            channel="email",
            at=at,
            capped=[lead for lead, until in rest.items() if until > at],
        )
        for row in of_purpose:
            decision = decisions[row.lead_id or 0]
            later = rest.get(row.lead_id or 0)
            is_too_soon = later is not None and later > at and not row.is_transactional
            if decision.reason == "capped" or (decision.allowed and is_too_soon):
                refused.append((replace(row, opens_at=later), "capped"))
            elif decision.allowed and row.email:
                allowed.append(replace(row, evidence_id=decision.evidence_id))
                if later:  # the others of this batch wait
                    rest[row.lead_id or 0] = at + FIRST_RETRY
            else:
                refused.append((replace(row, opens_at=decision.not_before), decision.reason or "no_address"))
    return allowed, refused


def rest_of(workspace_id: int, rows: Sequence[Claimed], at: datetime) -> dict[int, datetime]:
    """{lead: until when they want nothing more} of those who said how often; `at` where the next may go now."""
    leads = sorted({row.lead_id for row in rows if row.lead_id is not None})
    if not leads:
        return {}
    found = fetch_all(load_sql("mailing", "last_mails"), {"workspace": workspace_id, "leads": leads, "at": at})
    return {
        row["lead_id"]: at + FIRST_RETRY
        if row["is_being_sent"]
        else row["last_at"] + timedelta(days=row["every_days"])
        if row["last_at"]
        else at
        for row in found
    }


def refuse(workspace_id: int, refused: Sequence[tuple[Claimed, str]], at: datetime) -> None:
    changes = [refusal_of(row, reason, at) for row, reason in refused]
    move(workspace_id, changes, states=[State.READY, State.RETRY], lease=None)
    news = [
        News.of(row, "refused", reason=reason)
        for (row, reason), change in zip(refused, changes, strict=True)
        if change["state"] == State.REFUSED
    ]
    tell(workspace_id, news, at)


def refusal_of(row: Claimed, reason: str, at: datetime) -> Json:
    if row.opens_at:  # the hours in which the law lets people be disturbed
        return {"id": row.id, "state": State.READY, "reason": reason, "not_before": row.opens_at.isoformat()}
    if reason == UNCONFIRMED and at < row.created_at + PATIENCE:
        # `actions.wake_confirmed` sends it on at once; it could pass while we look, so it is asked again anyway.
        return {"id": row.id, "state": State.READY, "reason": reason, "not_before": (at + WAIT).isoformat()}
    return {"id": row.id, "state": State.REFUSED, "reason": reason}


def send_claimed(claim: Claim, carrier: Carrier) -> int:
    """Send twenty at a time until the second is over, and at least one; the rest goes back to ready."""
    settled, rows = 0, claim.rows
    with workspace_scope(claim.workspace_id):
        house = load_house(claim.workspace_id)
    while rows:
        portion, rows = rows[:COMMIT_SIZE], rows[COMMIT_SIZE:]
        letters, unwritten = begin_sending(claim, house, portion)
        outcomes = deliver(claim, carrier, letters)
        settle(claim, outcomes)
        settled += unwritten + len(outcomes)
        unsent = [letter.row for letter in letters[len(outcomes) :]]
        give_back(claim, unsent, more_attempts=-1)
        if unsent or claim.is_over:
            break
    give_back(claim, rows)
    return settled


def begin_sending(claim: Claim, house: House, rows: Sequence[Claimed]) -> tuple[list[Letter], int]:
    """Commit that letters are about to leave; (those that are still ours, how many cannot be written)."""
    with workspace_scope(claim.workspace_id):
        written = write_letters(house, rows, claim.at)
        letters = [each for each in written if isinstance(each, Letter)]
        changes = [
            {"id": letter.row.id, "state": State.SENDING, "more_attempts": 1, "links": letter.links}
            for letter in letters
        ]
        ours = move(claim.workspace_id, changes, states=[State.CLAIMED], held=claim.lease, lease=claim.lease)
        unwritten = [each for each in written if isinstance(each, Unwritten)]
        put_aside(claim, unwritten)
    return [letter for letter in letters if letter.row.id in ours], len(unwritten)


def put_aside(claim: Claim, unwritten: Sequence[Unwritten]) -> None:
    changes = [
        {**not_taken(claim, each.row, each.reason, permanent=each.permanent), "more_attempts": 1} for each in unwritten
    ]
    ours = move(claim.workspace_id, changes, states=[State.CLAIMED], held=claim.lease, lease=None)
    failed = [
        News.of(each.row, "failed", reason=each.reason)
        for each, change in zip(unwritten, changes, strict=True)
        if each.row.id in ours and change["state"] == State.FAILED
    ]
    for news in failed:
        log.error("event=mail.unwritten outbox=%d reason=%r", news.outbox_id, news.more["reason"])
    tell(claim.workspace_id, failed, claim.at)


def deliver(claim: Claim, carrier: Carrier, letters: Sequence[Letter]) -> list[tuple[Letter, Outcome]]:
    """Hand the letters to the carrier one by one, until it or the second ends. No transaction is open."""
    outcomes: list[tuple[Letter, Outcome]] = []
    answers = carrier.send([letter.mail for letter in letters])
    for letter, outcome in zip(letters, answers, strict=False):
        outcomes.append((letter, outcome))
        if claim.is_over:
            break
    return outcomes


def settle(claim: Claim, outcomes: Sequence[tuple[Letter, Outcome]]) -> None:
    """Write down what the carrier answered, and tell the ledger."""
    with workspace_scope(claim.workspace_id):
        results = [result_of(claim, letter.row, outcome) for letter, outcome in outcomes]
        # An answer that came later than the lease still says what became of an uncertain mail.
        states = [State.SENDING, State.UNCERTAIN]
        ours = move(claim.workspace_id, results, states=states, held=claim.lease, lease=None)
        settled = [
            (letter, outcome, result)
            for (letter, outcome), result in zip(outcomes, results, strict=True)
            if result["id"] in ours
        ]
        for letter, outcome, result in settled:
            log_outcome(letter, outcome, result["state"])
            if result["state"] == State.FAILED and outcome.status in DEAD_ADDRESS and letter.row.email:
                suppress(workspace_id=claim.workspace_id, email=letter.row.email, reason="hard_bounce", at=claim.at)
        news = [news_of(letter, result) for letter, _, result in settled if result["state"] in TOLD]
        tell(claim.workspace_id, news, claim.at)


TOLD = {State.ACCEPTED: "sent", State.FAILED: "failed", State.UNCERTAIN: "uncertain"}


def news_of(letter: Letter, result: Json) -> News:
    more = {"reason": result["reason"]} if result["reason"] else {"subject": letter.mail.subject}
    return News.of(letter.row, TOLD[result["state"]], **more)


def result_of(claim: Claim, row: Claimed, outcome: Outcome) -> Json:
    """The change of a row that an outcome makes."""
    if outcome.is_accepted:
        return {"id": row.id, "state": State.ACCEPTED, "reason": "", "accepted_at": claim.at.isoformat()}
    if outcome.is_unknown and not row.is_transactional:
        return {"id": row.id, "state": State.UNCERTAIN, "reason": outcome.reply[:300]}
    return not_taken(claim, row, outcome.reply, permanent=outcome.permanent)


def not_taken(claim: Claim, row: Claimed, reason: str, *, permanent: bool) -> Json:
    """Tried again later, each time after a longer pause, or given up."""
    attempt = row.attempts + 1
    change = {"id": row.id, "reason": reason[:300]}
    if permanent or attempt >= MAX_ATTEMPTS:
        return {**change, "state": State.FAILED}
    return {**change, "state": State.RETRY, "not_before": (claim.at + pause_after(attempt)).isoformat()}


def pause_after(attempt: int) -> timedelta:
    """After the first, second, .. attempt."""
    doubled: timedelta = FIRST_RETRY * 2 ** (attempt - 1)
    return min(doubled, LONGEST_RETRY)


def give_back(claim: Claim, rows: Sequence[Claimed], *, more_attempts: int = 0) -> None:
    """What was not sent is ready again: we are alive and know that it did not leave."""
    changes = [{"id": row.id, "state": State.READY, "more_attempts": more_attempts} for row in rows]
    with workspace_scope(claim.workspace_id):
        states = [State.CLAIMED, State.SENDING]
        move(claim.workspace_id, changes, states=states, held=claim.lease, lease=None)


def give_up_on_dead_senders(workspace_id: int, at: datetime) -> None:
    """Leases that ended: claimed and transactional mails are ready again, the rest is uncertain."""
    parameters = {"workspace": workspace_id, "real_now": database_clock()}
    found = fetch_all(load_sql("mailing", "release_expired"), parameters)
    for row in found:
        log.warning("event=mail.sender_died outbox=%d state=%s", row["id"], row["state"])
    lost = [
        News(row["id"], row["lead_id"], row["template_id"], row["purpose"], "uncertain", {})
        for row in found
        if row["state"] == State.UNCERTAIN
    ]
    tell(workspace_id, lost, at)


def is_due(workspace_id: int, at: datetime) -> bool:
    found = fetch_all(load_sql("mailing", "is_due"), {"workspace": workspace_id, "at": at})
    return bool(found[0]["is_due"])


def move(
    workspace_id: int,
    changes: Sequence[Json],
    *,
    states: Sequence[str],
    lease: datetime | None,
    held: datetime | None = None,
) -> set[int]:
    """Change rows that are in one of `states` under the lease `held`; the ids of those that were.

    Twenty at a time: for more, the planner may prefer to walk all mails of the workspace.
    """
    moved: set[int] = set()
    for begin in range(0, len(changes), COMMIT_SIZE):
        portion = changes[begin : begin + COMMIT_SIZE]
        found = fetch_all(
            load_sql("mailing", "move_mails"),
            {
                "workspace": workspace_id,
                "changes": json.dumps(portion),
                "count": len(portion),
                "states": [str(state) for state in states],
                "held": held,
                "lease": lease,
            },
        )
        moved |= {row["id"] for row in found}
    return moved


def tell(workspace_id: int, news: Sequence[News], at: datetime) -> None:
    """Events of kind `send`, for leads; mail to staff is no fact about a lead."""
    if not news:
        return
    templates = TemplateVersion.objects.filter(workspace_id=workspace_id).in_bulk({each.template_id for each in news})
    events = [
        NewEvent(
            kind="send",
            name=f"email_{each.outcome}",
            message_id=f"mail:{each.outbox_id}:{each.outcome}",
            occurred_at=at,
            lead_id=each.lead_id,
            by="system",
            properties={
                "template": templates[each.template_id].key,
                "outbox": each.outbox_id,
                "purpose": each.purpose,
                "outcome": each.outcome,
                **each.more,
            },
        )
        for each in news
        if each.lead_id is not None
    ]
    record_events(workspace_id=workspace_id, events=events, received_at=at)


def log_outcome(letter: Letter, outcome: Outcome, state: str) -> None:
    if outcome.is_accepted:
        log.debug("event=mail.accepted outbox=%d", letter.row.id)
        return
    log.warning(
        "event=mail.%s outbox=%d template=%s status=%s reply=%r",
        state, letter.row.id, letter.template.key, outcome.status, outcome.reply,
    )  # fmt: skip


def database_clock() -> datetime:
    """Real time, one clock for all hosts: leases have nothing to do with the product's time."""
    now: datetime = fetch_all("SELECT clock_timestamp() AS now")[0]["now"]
    return now


def _decoded(row: Json) -> Json:
    return {
        key: json.loads(value) if key in ("variables", "attributes") and isinstance(value, str) else value
        for key, value in row.items()
    }
