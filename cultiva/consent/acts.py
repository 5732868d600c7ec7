"""Acts of consent as they go into the evidence, and as the ledger is told of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cultiva.consent.evidence import Act, RecordedAct, canonical_json, sha256
from cultiva.consent.models import Confirmation, PolicyVersion, PurposeVersion
from cultiva.events.actions import NewEvent
from cultiva.leads.actions import tell

Json = dict[str, Any]


def act_of_accepting(policy: PolicyVersion, language: str, label: str = "") -> Act:
    """`label`: the words that were shown, where they were not the policy's own."""
    label = label or policy.body["languages"][language]["label"]
    return Act("policy_accepted", payload=box_shown("policy-accepted", label) | policy_shown(policy, language))


def act_of_giving(purpose: PurposeVersion, policy: PolicyVersion, language: str, label: str = "") -> Act:
    box = box_shown(f"purpose-{purpose.key}", label or purpose.body["languages"][language]["label"])
    version = {"purpose_version": purpose.version}
    return Act("given", purpose.key, purpose.body["channel"], box | version | policy_shown(policy, language))


def act_of_confirming(confirmation: Confirmation, ip: str, user_agent: str) -> Act:
    proof = {
        "proof_level": "doi",
        "doi_token_sha256": confirmation.token_hash,
        "doi_requested_at": confirmation.requested_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "doi_ip": ip,
        "doi_user_agent": user_agent,
    }
    return Act("confirmed", payload=proof)


def box_shown(checkbox_id: str, label: str) -> Json:
    """The box as it was shown: its words verbatim, and clear until the person ticked it."""
    return {
        "checkbox_id": checkbox_id,
        "checkbox_label_text": label,
        "checkbox_label_sha256": sha256(label),
        "checkbox_default": False,
        "proof_level": "single",
    }


def policy_shown(policy: PolicyVersion, language: str) -> Json:
    """Which text the person had before them; the hash is of the exact text in that language, both layers."""
    return {
        "policy": policy.key,
        "policy_version": policy.version,
        "policy_language": language,
        "policy_text_sha256": sha256(canonical_json(policy.body["languages"][language])),
    }


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
