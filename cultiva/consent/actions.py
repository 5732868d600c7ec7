"""What people accept, confirm and withdraw, and whether they may be contacted."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cultiva.consent.evidence import MERGE, Act, Circumstances, RecordedAct, canonical_json, record_acts, sha256
from cultiva.consent.models import (
    Confirmation,
    ConsentState,
    Evidence,
    PolicyVersion,
    PurposeVersion,
    Suppression,
)
from cultiva.consent.notices import PROFILING, TRANSACTIONAL, read_policy, read_purpose
from cultiva.events.actions import NewEvent
from cultiva.leads.actions import read_address, tell
from cultiva.leads.aliases import current_lead_id, current_lead_ids
from cultiva.leads.models import Lead, Merge
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.signing import BadLink, ExpiredLink, hash_token, keyed_hash, sign, unsign

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


@dataclass(frozen=True)
class Confirmed:
    workspace_id: int
    lead_id: int
    is_first: bool  # False: the link was used before; the answer to the person is the same


@dataclass(frozen=True)
class Decision:
    """Whether a lead may be contacted.

    `basis`: consent, transactional or nothing. `reason`, where not allowed, in the order of asking: unknown, erased,
    objected, undeliverable, not_valid, no_basis, unconfirmed. `evidence_id`: the consent that allows it.
    """

    allowed: bool
    basis: str
    reason: str
    evidence_id: int | None


def publish_policy(*, workspace_id: int, text: str, at: datetime) -> PolicyVersion:
    """A new version of a data-protection policy. Raises DocumentError naming a part the law asks for."""
    notice = read_policy(text)
    with workspace_scope(workspace_id):
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
    labels: Mapping[str, str] | None = None,
    events: list[NewEvent] | None = None,
) -> Recorded:
    """The policy was accepted and these boxes were ticked. A box left clear changes nothing.

    `language` is the one the texts were shown in; `labels` are the words of boxes that somebody else's page showed, by
    purpose ("" is the policy's own box). To be called in the transaction that finds or makes the lead
    (`is_new_lead`). The events go into `events` where that is given, for a caller that records several acts' events
    at once.
    """
    said = labels or {}
    acts = [act_of_accepting(policy, language, said.get("", ""))]
    acts += [act_of_giving(purpose, policy, language, said.get(purpose.key, "")) for purpose in purposes]
    recorded = record_acts(
        workspace_id=workspace_id,
        lead_id=lead_id,
        acts=acts,
        circumstances=circumstances,
        at=at,
        profiling=_profiling(policy, purposes),
        is_new_lead=is_new_lead,
    )
    tell_acts(workspace_id, lead_id, recorded, at, events=events)
    newly_given = [(each.act.purpose, each.act.channel) for each in recorded if each.is_new]
    needs_confirmation = bool(newly_given) or not recorded[0].is_confirmed
    return Recorded([each.evidence_id for each in recorded], newly_given, needs_confirmation)


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
        _lock_lead(workspace_id, lead_id)  # before the row is read to be changed: withdraw locks in this order
        confirmation = find_confirmation(token=token, at=at)
        lead_id = confirmation.lead_id  # a merge may have moved it, with its address
        if confirmation.confirmed_at is not None:
            return Confirmed(workspace_id, lead_id, is_first=False)
        confirmation.confirmed_at = at
        confirmation.save(update_fields=["confirmed_at"])
        recorded = record_acts(
            workspace_id=workspace_id,
            lead_id=lead_id,
            acts=[_confirmed(confirmation, ip, user_agent)],
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
        lead_id = _lock_current(workspace_id, lead_id)
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
        ).update(expires_at=at)
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


def can_contact(
    *, workspace_id: int, lead_ids: Sequence[int], purpose: str, channel: str, at: datetime
) -> dict[int, Decision]:
    """{lead: decision} for every lead asked about. `transactional` asks for no consent, only for no objection.

    A merged lead is asked about as the lead they are now, but for transactional mail: that is about their own address.
    """
    now = {} if purpose == TRANSACTIONAL else current_lead_ids(workspace_id, lead_ids)
    asked = {now.get(lead_id, lead_id) for lead_id in lead_ids}
    keys = dict(
        Lead.objects.filter(workspace_id=workspace_id, id__in=asked).values_list("id", "email_key").order_by("id")
    )
    rows = fetch_all(
        load_sql("consent", "can_contact"),
        {
            "workspace": workspace_id,
            "leads": list(keys),
            "hashes": [address_hash(key) if key else None for key in keys.values()],
            "purpose": purpose,
            "channel": channel,
            "is_transactional": purpose == TRANSACTIONAL,
            "at": at,
        },
    )
    decisions = {row["lead_id"]: _decide(row, purpose) for row in rows}
    unknown = Decision(allowed=False, basis="", reason="unknown", evidence_id=None)
    return {lead_id: decisions.get(now.get(lead_id, lead_id), unknown) for lead_id in lead_ids}


def address_hash(email_key: str) -> str:
    """How the suppression list names an address; `email_key` as in `leads.read_address`."""
    return keyed_hash("suppression", email_key)


def _decide(row: Json, purpose: str) -> Decision:
    if row["reason"]:
        return Decision(allowed=False, basis="", reason=row["reason"], evidence_id=None)
    basis = TRANSACTIONAL if purpose == TRANSACTIONAL else "consent"
    return Decision(allowed=True, basis=basis, reason="", evidence_id=row["evidence_id"])


def act_of_accepting(policy: PolicyVersion, language: str, label: str = "") -> Act:
    """`label`: the words that were shown, where they were not the policy's own."""
    label = label or policy.body["languages"][language]["label"]
    return Act("policy_accepted", payload=_box("policy-accepted", label) | _policy_shown(policy, language))


def act_of_giving(purpose: PurposeVersion, policy: PolicyVersion, language: str, label: str = "") -> Act:
    box = _box(f"purpose-{purpose.key}", label or purpose.body["languages"][language]["label"])
    version = {"purpose_version": purpose.version}
    return Act("given", purpose.key, purpose.body["channel"], box | version | _policy_shown(policy, language))


def _confirmed(confirmation: Confirmation, ip: str, user_agent: str) -> Act:
    proof = {
        "proof_level": "doi",
        "doi_token_sha256": confirmation.token_hash,
        "doi_requested_at": confirmation.requested_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "doi_ip": ip,
        "doi_user_agent": user_agent,
    }
    return Act("confirmed", payload=proof)


def _box(checkbox_id: str, label: str) -> Json:
    """The box as it was shown: its words verbatim, and clear until the person ticked it."""
    return {
        "checkbox_id": checkbox_id,
        "checkbox_label_text": label,
        "checkbox_label_sha256": sha256(label),
        "checkbox_default": False,
        "proof_level": "single",
    }


def _policy_shown(policy: PolicyVersion, language: str) -> Json:
    """Which text the person had before them; the hash is of the exact text in that language, both layers."""
    return {
        "policy": policy.key,
        "policy_version": policy.version,
        "policy_language": language,
        "policy_text_sha256": sha256(canonical_json(policy.body["languages"][language])),
    }


def _profiling(policy: PolicyVersion, purposes: Sequence[PurposeVersion]) -> str:
    if any(purpose.key == PROFILING for purpose in purposes):
        return "consented"
    return "interest" if policy.body["profiling"] == "legitimate_interest" else ""


def tell_acts(
    workspace_id: int,
    lead_id: int,
    recorded: Sequence[RecordedAct],
    at: datetime,
    *,
    more: Json | None = None,
    by: str = "lead",
    actor: str = "human",
    events: list[NewEvent] | None = None,
) -> None:
    """Acts just recorded, as events; `events` as in `record_consents`."""
    said = [
        NewEvent(
            kind="consent",
            name=each.act.act,
            message_id=f"evidence:{each.evidence_id}",
            occurred_at=at,
            lead_id=lead_id,
            by=by,
            actor=actor,
            properties=properties_of(each.act) | {"evidence": each.evidence_id} | (more or {}),
        )
        for each in recorded
    ]
    tell(said, workspace_id=workspace_id, at=at, into=events)


def properties_of(act: Act) -> Json:
    if act.purpose:
        return {"purpose": act.purpose, "channel": act.channel}
    return {key: act.payload[key] for key in ("policy", "policy_version") if key in act.payload}


def _is_said(state: ConsentState) -> bool:
    """The person said so themselves, for all that this lead is now: not a merge for them, nor before one."""
    of_lead = {"workspace_id": state.workspace_id, "lead_id": state.lead_id}
    merges = Merge.objects.filter(workspace_id=state.workspace_id, kept_id=state.lead_id, undone_at=None)
    merged_at = merges.order_by("-id").values_list("at", flat=True).first()
    if merged_at is None:
        return True
    acts = Evidence.objects.filter(**of_lead, act="withdrawn", purpose=state.purpose, channel=state.channel)
    return acts.filter(occurred_at__gte=merged_at).exclude(payload__payload__action=MERGE).exists()


def _lock_current(workspace_id: int, lead_id: int) -> int:
    """Lock the lead that a lead is now; again where a merge came in between."""
    while True:
        current = current_lead_id(workspace_id, lead_id)
        if _lock_lead(workspace_id, current).merged_into_id is None:
            return current


def _lock_lead(workspace_id: int, lead_id: int) -> Lead:
    return Lead.objects.select_for_update(no_key=True).get(workspace_id=workspace_id, id=lead_id)
