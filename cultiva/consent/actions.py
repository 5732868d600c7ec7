"""What people accept, confirm and withdraw."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from cultiva.consent.acts import act_of_accepting, act_of_confirming, act_of_giving, tell_acts
from cultiva.consent.deciding import address_hash
from cultiva.consent.deciding import can_contact as can_contact  # noqa: PLC0414 (a face of this room)
from cultiva.consent.evidence import MERGE, NEVER, Act, Circumstances, record_acts
from cultiva.consent.locking import lock_current, lock_lead
from cultiva.consent.models import (
    Confirmation,
    ConsentMark,
    ConsentState,
    Evidence,
    PolicyVersion,
    PurposeVersion,
    Suppression,
)
from cultiva.consent.notices import PROFILING, read_policy, read_purpose
from cultiva.consent.rules import rules_of
from cultiva.consent.standing import is_minor, minor_until
from cultiva.events.actions import NewEvent
from cultiva.leads.actions import read_address, tell
from cultiva.leads.models import Merge
from cultiva.lib.database import load_sql, workspace_scope
from cultiva.lib.signing import BadLink, ExpiredLink, hash_token, sign, unsign

Json = dict[str, Any]

CONFIRMATION_LIFE = timedelta(hours=72)
CONFIRMATIONS_A_DAY = 3
# `unsubscribed`: elsewhere, before the person came to us in a file; a consent given to us later ends it.
SUPPRESSION_REASONS = ("hard_bounce", "complaint", "objection", "erasure", "manual", "unsubscribed")


@dataclass(frozen=True)
class Recorded:
    """What a submission changed. `needs_confirmation`: something in it is not yet proven by double opt-in."""

    evidence_ids: list[int]
    newly_given: list[tuple[str, str]]  # (purpose, channel)
    needs_confirmation: bool
    is_minor: bool = False  # of a minor no box counts: a parent or guardian has to agree first


@dataclass(frozen=True)
class Confirmed:
    workspace_id: int
    lead_id: int
    is_first: bool  # False: the link was used before; the answer to the person is the same


def publish_policy(*, workspace_id: int, text: str, at: datetime) -> PolicyVersion:
    """A new version of a data-protection policy. Raises DocumentError naming a part the law asks for."""
    with workspace_scope(workspace_id):
        notice = read_policy(text, jurisdiction=rules_of(workspace_id).jurisdiction.code)
        return PolicyVersion.publish(
            workspace_id=workspace_id, key=notice.key, name=notice.name, body=notice.body, source_text=text, at=at
        )


def publish_purpose(*, workspace_id: int, text: str, at: datetime) -> PurposeVersion:
    """A new version of what a box asks for. Raises DocumentError."""
    notice = read_purpose(text)
    with workspace_scope(workspace_id):
        return PurposeVersion.publish(
            workspace_id=workspace_id, key=notice.key, name=notice.name, body=notice.body, source_text=text, at=at
        )


def record_consents(
    *,
    workspace_id: int,
    lead_id: int,
    policy: PolicyVersion,
    purposes: Sequence[PurposeVersion],
    language: str,
    circumstances: Circumstances,
    at: datetime,
    is_new_lead: bool = False,
    born_on: date | None = None,
    labels: Mapping[str, str] | None = None,
    events: list[NewEvent] | None = None,
) -> Recorded:
    """The policy was accepted and these boxes were ticked. A box left clear changes nothing.

    `language` is the one the texts were shown in; `labels` are the words of boxes that somebody else's page showed, by
    purpose ("" is the policy's own box). To be called in the transaction that finds or makes the lead
    (`is_new_lead`). The events go into `events` where that is given, for a caller that records several acts' events
    at once. `born_on`, where the form asks for it, is not kept: of a minor only until when they are one, and no box
    that they tick counts before a guardian agreed.
    """
    gave_before = bool(purposes) and not is_new_lead  # a consent that may be over by now
    rules = rules_of(workspace_id) if gave_before or born_on else None
    until = None
    if rules and born_on and rules.jurisdiction.is_minor(born_on, at.date()):
        until = minor_until(born_on, rules.jurisdiction.consent_age)
    known_minor = gave_before and is_minor(workspace_id, lead_id, at)
    has_guardian = until is not None and not is_new_lead and _has_guardian(workspace_id, lead_id)
    if known_minor or (until and not has_guardian):
        purposes = []
    said = labels or {}
    acts = [act_of_accepting(policy, language, said.get("", ""))]
    acts += [act_of_giving(purpose, policy, language, said.get(purpose.key, "")) for purpose in purposes]
    acts += [Act("minor", payload={"minor_until": until.isoformat()})] if until else []
    recorded = record_acts(
        workspace_id=workspace_id,
        lead_id=lead_id,
        acts=acts,
        circumstances=circumstances,
        at=at,
        profiling="" if until and not has_guardian else profiling_by(policy, purposes),
        is_new_lead=is_new_lead,
        expired_before=rules.expired_before(at) if rules else NEVER,
    )
    if until:
        ConsentMark.objects.filter(workspace_id=workspace_id, lead_id=lead_id).update(minor_until=until)
    tell_acts(workspace_id, lead_id, recorded, at, events=events)
    newly_given = [(each.act.purpose, each.act.channel) for each in recorded if each.is_new]
    needs_confirmation = bool(newly_given) or not recorded[0].is_confirmed
    still_minor = known_minor or (until is not None and not has_guardian)
    return Recorded([each.evidence_id for each in recorded], newly_given, needs_confirmation, still_minor)


def request_confirmation(
    *, workspace_id: int, lead_id: int, at: datetime, form: str = "", events: list[NewEvent] | None = None
) -> Confirmation | None:
    """Ask a lead to prove their address; None where three mails went to it within a day already.

    Writes the event that `mailing` answers with the mail (`events` as in `record_consents`).
    """
    parameters = {
        "workspace": workspace_id,
        "lead": lead_id,
        "token_hash": secrets.token_hex(32),  # until the row has the id that the token carries
        "at": at,
        "expires_at": at + CONFIRMATION_LIFE,
        "since": at - timedelta(days=1),
        "most": CONFIRMATIONS_A_DAY,
    }
    added = Confirmation.objects.raw(load_sql("consent", "ask_confirmation"), parameters)
    confirmation = next(iter(added), None)
    if confirmation is None:
        return None
    confirmation.token_hash = hash_token(confirmation_token(confirmation))
    confirmation.save(update_fields=["token_hash"])
    asked = NewEvent(
        kind="consent",
        name="confirmation_requested",
        message_id=f"confirmation:{confirmation.id}",
        occurred_at=at,
        lead_id=lead_id,
        by="system",
        properties={"confirmation": confirmation.id, "form": form},
    )
    tell([asked], workspace_id=workspace_id, at=at, into=events)
    return confirmation


def confirmation_token(confirmation: Confirmation) -> str:
    """What the link in the mail carries: `/c/confirm/<token>`."""
    return sign("confirm", confirmation.workspace_id, confirmation.id)


def find_confirmation(*, token: str, at: datetime) -> Confirmation:
    """The confirmation a link asks for, used or not. Raises BadLink, or ExpiredLink where it came too late."""
    workspace_id, _ = unsign("confirm", token)
    with workspace_scope(workspace_id):
        found = Confirmation.objects.filter(workspace_id=workspace_id, token_hash=hash_token(token)).first()
    if found is None:
        raise BadLink("confirm")
    if found.confirmed_at is None and at > found.expires_at:
        raise ExpiredLink("confirm")
    return found


def confirm(*, token: str, at: datetime, ip: str = "", user_agent: str = "") -> Confirmed:
    """The address is proven; a second time changes nothing. Raises BadLink or ExpiredLink."""
    workspace_id, _ = unsign("confirm", token)
    with workspace_scope(workspace_id):
        lead_id = find_confirmation(token=token, at=at).lead_id
        lock_lead(workspace_id, lead_id)  # before the row is read to be changed: withdraw locks in this order
        confirmation = find_confirmation(token=token, at=at)
        lead_id = confirmation.lead_id  # a merge may have moved it, with its address
        if confirmation.confirmed_at is not None:
            return Confirmed(workspace_id, lead_id, is_first=False)
        confirmation.confirmed_at = at
        confirmation.save(update_fields=["confirmed_at"])
        recorded = record_acts(
            workspace_id=workspace_id,
            lead_id=lead_id,
            acts=[act_of_confirming(confirmation, ip, user_agent)],
            circumstances=Circumstances(action="button", ip=ip, user_agent=user_agent),
            at=at,
        )
        tell_acts(workspace_id, lead_id, recorded, at, more={"confirmation": confirmation.id})
    return Confirmed(workspace_id, lead_id, is_first=True)


def withdraw(
    *,
    workspace_id: int,
    lead_id: int,
    purpose: str,
    channel: str,
    at: datetime,
    circumstances: Circumstances | None = None,
    by: str = "lead",
) -> ConsentState:
    """No more of this, from this moment on; a second time changes nothing.

    It also holds for what was never given. Pending confirmations end, so that an older mail cannot prove a will that
    is expressed anew. Withdrawing `profiling` is the objection to being scored. What comes from an old mail to a lead
    that was merged holds for the lead they are now.
    """
    with workspace_scope(workspace_id):
        lead_id = lock_current(workspace_id, lead_id)
        states = ConsentState.objects.filter(
            workspace_id=workspace_id, lead_id=lead_id, purpose=purpose, channel=channel
        )
        known = states.first()
        if known and known.state == "withdrawn" and _is_said(known):
            return known
        recorded = record_acts(
            workspace_id=workspace_id,
            lead_id=lead_id,
            acts=[Act("withdrawn", purpose, channel)],
            circumstances=circumstances or Circumstances(action="button"),
            at=at,
            profiling="objected" if purpose == PROFILING else "",
        )
        Confirmation.objects.filter(
            workspace_id=workspace_id, lead_id=lead_id, confirmed_at=None, expires_at__gt=at
        ).update(expires_at=at, revoked_at=at)
        tell_acts(workspace_id, lead_id, recorded, at, by=by)
        return states.get()


def suppress(*, workspace_id: int, email: str, reason: str, at: datetime) -> Suppression:
    """Do not write to this address; the last reason counts. Only a keyed hash of it is kept."""
    if reason not in SUPPRESSION_REASONS:
        raise ValueError(f"No suppression reason {reason!r}. Accepted: {', '.join(SUPPRESSION_REASONS)}")
    with workspace_scope(workspace_id):
        suppression, _ = Suppression.objects.update_or_create(
            workspace_id=workspace_id,
            address_hash=address_hash(read_address(email).key),
            defaults={"reason": reason, "created_at": at},
        )
    return suppression


def profiling_by(policy: PolicyVersion | None, purposes: Sequence[PurposeVersion]) -> str:
    """What the texts say of profiling, as `record_acts` takes it."""
    if any(purpose.key == PROFILING for purpose in purposes):
        return "consented"
    return "interest" if policy and policy.body["profiling"] == "legitimate_interest" else ""


def _has_guardian(workspace_id: int, lead_id: int) -> bool:
    marks = ConsentMark.objects.filter(workspace_id=workspace_id, lead_id=lead_id)
    return marks.exclude(guardian_since=None).exists()


def _is_said(state: ConsentState) -> bool:
    """The person said so themselves, for all that this lead is now: not a merge for them, nor before one."""
    of_lead = {"workspace_id": state.workspace_id, "lead_id": state.lead_id}
    merges = Merge.objects.filter(workspace_id=state.workspace_id, kept_id=state.lead_id, undone_at=None)
    merged_at = merges.order_by("-id").values_list("at", flat=True).first()
    if merged_at is None:
        return True
    acts = Evidence.objects.filter(**of_lead, act="withdrawn", purpose=state.purpose, channel=state.channel)
    return acts.filter(occurred_at__gte=merged_at).exclude(payload__payload__action=MERGE).exists()
