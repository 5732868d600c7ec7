"""Sending what waits in the outbox, so that a crash at any moment loses no mail and sends no marketing twice.

    ready ─ claim: locked, consent asked a last time ─→ claimed ─ committed before the first byte ─→ sending
    sending ─→ accepted | retry | failed | uncertain, by the carrier's answer, committed after

Between claim and mail lies at most a second (`WORK_SECONDS`): what is not sent by then goes back to ready, and its
consent is asked again. A claim whose sender died expires: claimed becomes ready, sending becomes uncertain.
"""

import itertools
import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
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
from cultiva.mailing.models import OutboxState as State
from cultiva.mailing.models import TemplateVersion

log = logging.getLogger(__name__)

Json = dict[str, Any]

CLAIM_SIZE = 100  # servers commonly take about this many mails a connection
COMMIT_SIZE = 20  # mails that a crash can leave uncertain (DESIGN 4.7)
WORK_SECONDS = 1.0
LEASE = timedelta(seconds=120)  # real time; a mail takes at most four exchanges of ten seconds
FIRST_RETRY, LONGEST_RETRY = timedelta(minutes=5), timedelta(hours=12)
MAX_ATTEMPTS = 13  # 5 minutes, doubled up to 12 hours: 69 hours in all; E-20 ends at 72
# The address does not exist (rules E-30). 5.7.x is a policy about us and says nothing of the reader.
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


def send_due(*, workspace_id: int, at: datetime) -> int:
    """Send one batch of a workspace's due mails; returns how many it dealt with, 0 where nothing is due.

    To be called outside any transaction: it commits between its steps. Mail that somebody waits for goes first.
    Where the carrier is down, nothing is touched.
    """
    give_up_on_dead_senders(workspace_id, at)
    if not is_due(workspace_id, at):
        return 0
    carrier: Carrier = plugin("carriers", settings.MAIL_CARRIER)()
    if connection.in_atomic_block and not carrier.is_local:
        raise SendingError(
            "Mails cannot be sent inside a transaction.\nhint: call send_due outside workspace_scope"
        )
    try:
        with carrier:
            return send_batch(workspace_id, at, carrier)
    except CarrierDown as error:
        log.warning(
            "event=mail.carrier_down carrier=%s reason=%s", carrier.kind, str(error).replace("\n", " ")
        )
        return 0


def send_batch(workspace_id: int, at: datetime, carrier: Carrier) -> int:
    for is_transactional in (True, False):
        claim = claim_due(workspace_id, at, is_transactional=is_transactional)
        if claim.rows or claim.settled:
            return claim.settled + send_claimed(claim, carrier)
    return 0


def claim_due(workspace_id: int, at: datetime, *, is_transactional: bool) -> Claim:
    """Take mails out of the queue, with the last word of consent in the same transaction."""
    began = time.monotonic()
    with workspace_scope(workspace_id):
        lease = database_clock() + LEASE
        found = fetch_all(
            load_sql("mailing", "claim_due"),
            {"workspace": workspace_id, "at": at, "is_transactional": is_transactional, "limit": CLAIM_SIZE},
        )
        rows = [Claimed(**_decoded(row)) for row in found]
        allowed, refused = ask_consent(workspace_id, rows, at)
        changes = [
            {"id": row.id, "state": State.CLAIMED, "consent_evidence_id": row.evidence_id} for row in allowed
        ]
        move(workspace_id, changes, states=[State.READY, State.RETRY], lease=lease)
        refuse(workspace_id, refused, at)
    return Claim(workspace_id, at, lease, began, allowed, settled=len(refused))


def ask_consent(
    workspace_id: int, rows: Sequence[Claimed], at: datetime
) -> tuple[list[Claimed], list[tuple[Claimed, str]]]:
    """(the mails that may go, with their evidence; the others with the reason). Staff are not asked."""
    allowed, refused = [row for row in rows if row.lead_id is None], []
    by_purpose = sorted((row for row in rows if row.lead_id is not None), key=lambda row: row.purpose)
    for purpose, group in itertools.groupby(by_purpose, key=lambda row: row.purpose):
        of_purpose = list(group)
        decisions = can_contact(
            workspace_id=workspace_id,
            lead_ids=[row.lead_id for row in of_purpose if row.lead_id is not None],
            purpose=purpose,
            channel="email",
            at=at,
        )
        for row in of_purpose:
            decision = decisions[row.lead_id or 0]
            if decision.allowed and row.email:
                allowed.append(replace(row, evidence_id=decision.evidence_id))
            else:
                refused.append((row, decision.reason or "no_address"))
    return allowed, refused


def refuse(workspace_id: int, refused: Sequence[tuple[Claimed, str]], at: datetime) -> None:
    changes = [{"id": row.id, "state": State.REFUSED, "reason": reason} for row, reason in refused]
    move(workspace_id, changes, states=[State.READY, State.RETRY], lease=None)
    templates = TemplateVersion.objects.filter(workspace_id=workspace_id).in_bulk(
        {row.template_id for row, _ in refused}
    )
    tell(
        workspace_id,
        [(row, templates[row.template_id], "refused", {"reason": why}) for row, why in refused],
        at,
    )


def send_claimed(claim: Claim, carrier: Carrier) -> int:
    """Send twenty at a time until the second is over; the rest goes back to ready."""
    settled = 0
    rows = list(claim.rows)
    with workspace_scope(claim.workspace_id):
        house = load_house(claim.workspace_id)
    while rows and not claim.is_over:
        portion, rows = rows[:COMMIT_SIZE], rows[COMMIT_SIZE:]
        letters, unwritten = begin_sending(claim, house, portion)
        outcomes = deliver(claim, carrier, letters)
        settle(claim, outcomes)
        settled += unwritten + len(outcomes)
        if len(outcomes) < len(letters):  # the connection ended, or the second did
            give_back(claim, [letter.row for letter in letters[len(outcomes) :]], more_attempts=-1)
            break
    give_back(claim, rows)
    return settled


def begin_sending(claim: Claim, house: House, rows: Sequence[Claimed]) -> tuple[list[Letter], int]:
    """Write the letters and commit that they are about to leave; (those still ours, how many cannot be written)."""
    with workspace_scope(claim.workspace_id):
        written = write_letters(house, rows, claim.at)
        letters = [each for each in written if isinstance(each, Letter)]
        changes = [
            {"id": letter.row.id, "state": State.SENDING, "more_attempts": 1, "links": letter.links}
            for letter in letters
        ]
        ours = move(claim.workspace_id, changes, states=[State.CLAIMED], held=claim.lease, lease=claim.lease)
        unwritten = [each for each in written if isinstance(each, Unwritten)]
        fail_unwritten(claim, unwritten)
    return [letter for letter in letters if letter.row.id in ours], len(unwritten)


def fail_unwritten(claim: Claim, unwritten: Sequence[Unwritten]) -> None:
    changes = [{"id": each.row.id, "state": State.FAILED, "reason": each.reason[:300]} for each in unwritten]
    ours = move(claim.workspace_id, changes, states=[State.CLAIMED], held=claim.lease, lease=None)
    for each in unwritten:
        log.error("event=mail.unwritten outbox=%d template=%s", each.row.id, each.template.key)
    told = [(e.row, e.template, "failed", {"reason": e.reason}) for e in unwritten if e.row.id in ours]
    tell(claim.workspace_id, told, claim.at)


def deliver(claim: Claim, carrier: Carrier, letters: Sequence[Letter]) -> list[tuple[Letter, Outcome]]:
    """Hand the letters to the carrier one by one, until it or the second ends. No transaction is open."""
    outcomes: list[tuple[Letter, Outcome]] = []
    with closing(iterate(carrier, letters)) as answers:
        for letter, outcome in zip(letters, answers, strict=False):
            outcomes.append((letter, outcome))
            if claim.is_over:
                break
    return outcomes


def iterate(carrier: Carrier, letters: Sequence[Letter]) -> Iterator[Outcome]:
    yield from carrier.send([letter.mail for letter in letters])


def settle(claim: Claim, outcomes: Sequence[tuple[Letter, Outcome]]) -> None:
    """Write down what the carrier answered, and tell the ledger."""
    with workspace_scope(claim.workspace_id):
        results = [result_of(claim, letter, outcome) for letter, outcome in outcomes]
        # An answer that came later than the lease still says what became of an uncertain mail.
        states = [State.SENDING, State.UNCERTAIN]
        ours = move(claim.workspace_id, results, states=states, held=claim.lease, lease=None)
        told = []
        for (letter, outcome), result in zip(outcomes, results, strict=True):
            if letter.row.id not in ours:
                continue
            log_outcome(letter, outcome, result["state"])
            if result["state"] in TOLD:
                subject = {"subject": letter.mail.subject} if outcome.is_accepted else {}
                reason = {"reason": result["reason"]} if result["reason"] else {}
                told.append((letter.row, letter.template, TOLD[result["state"]], subject | reason))
            if result["state"] == State.FAILED and outcome.status in DEAD_ADDRESS and letter.row.lead_id:
                suppress(
                    workspace_id=claim.workspace_id,
                    email=letter.row.email or "",
                    reason="hard_bounce",
                    at=claim.at,
                )
        tell(claim.workspace_id, told, claim.at)


TOLD = {State.ACCEPTED: "sent", State.FAILED: "failed", State.UNCERTAIN: "uncertain"}


def result_of(claim: Claim, letter: Letter, outcome: Outcome) -> Json:
    """The change of a row that an outcome makes."""
    attempt = letter.row.attempts + 1
    result: Json = {"id": letter.row.id, "reason": outcome.reply[:300]}
    if outcome.is_accepted:
        return {**result, "state": State.ACCEPTED, "reason": "", "accepted_at": claim.at.isoformat()}
    if outcome.is_unknown and not letter.row.is_transactional:
        return {**result, "state": State.UNCERTAIN}
    if outcome.permanent or attempt >= MAX_ATTEMPTS:
        return {**result, "state": State.FAILED}
    return {**result, "state": State.RETRY, "not_before": (claim.at + pause_after(attempt)).isoformat()}


def pause_after(attempt: int) -> timedelta:
    return min(FIRST_RETRY * 2 ** (attempt - 1), LONGEST_RETRY)


def give_back(claim: Claim, rows: Sequence[Claimed], *, more_attempts: int = 0) -> None:
    """What was not sent is ready again: we are alive and know that it did not leave."""
    changes = [{"id": row.id, "state": State.READY, "more_attempts": more_attempts} for row in rows]
    with workspace_scope(claim.workspace_id):
        states = [State.CLAIMED, State.SENDING]
        move(claim.workspace_id, changes, states=states, held=claim.lease, lease=None)


def give_up_on_dead_senders(workspace_id: int, at: datetime) -> None:
    """Expired claims: claimed and transactional mails are ready again, marketing in flight becomes uncertain."""
    with workspace_scope(workspace_id):
        found = fetch_all(
            load_sql("mailing", "release_expired"), {"workspace": workspace_id, "real_now": database_clock()}
        )
        for row in found:
            log.warning("event=mail.sender_died outbox=%d state=%s", row["id"], row["state"])
        lost = [row for row in found if row["state"] == State.UNCERTAIN]
        templates = TemplateVersion.objects.filter(workspace_id=workspace_id).in_bulk(
            {row["template_id"] for row in lost}
        )
        events = [
            send_event(
                row["id"], row["lead_id"], templates[row["template_id"]], row["purpose"], "uncertain", {}, at
            )
            for row in lost
        ]
        record_events(workspace_id=workspace_id, events=events, received_at=at)


def is_due(workspace_id: int, at: datetime) -> bool:
    with workspace_scope(workspace_id):
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
    """Change rows that are in one of `states` under the lease `held`; the ids of those that were."""
    if not changes:
        return set()
    found = fetch_all(
        load_sql("mailing", "move_mails"),
        {
            "workspace": workspace_id,
            "changes": json.dumps(changes),
            "states": [str(state) for state in states],
            "held": held,
            "lease": lease,
        },
    )
    return {row["id"] for row in found}


def tell(workspace_id: int, told: Sequence[tuple[Claimed, TemplateVersion, str, Json]], at: datetime) -> None:
    """Events of kind `send`, for leads; mail to staff is no fact about a lead."""
    events = [
        send_event(row.id, row.lead_id, template, row.purpose, outcome, more, at)
        for row, template, outcome, more in told
        if row.lead_id is not None
    ]
    record_events(workspace_id=workspace_id, events=events, received_at=at)


def send_event(
    outbox_id: int,
    lead_id: int | None,
    template: TemplateVersion,
    purpose: str,
    outcome: str,
    more: Json,
    at: datetime,
) -> NewEvent:
    properties = {
        "template": template.key,
        "outbox": outbox_id,
        "purpose": purpose,
        "outcome": outcome,
        **more,
    }
    return NewEvent(
        kind="send",
        name=f"email_{outcome}",
        message_id=f"mail:{outbox_id}:{outcome}",
        occurred_at=at,
        lead_id=lead_id,
        by="system",
        properties=properties,
    )


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
