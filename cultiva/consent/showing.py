"""The proof of a lead in a form that people and programs can read: each act, the text it was about, what it proves."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cultiva.consent.deciding import Decision, can_contact
from cultiva.consent.models import ConsentMark, ConsentState, Evidence, PolicyVersion, PurposeVersion, SealedHead

Json = dict[str, Any]


@dataclass(frozen=True)
class ShownAct:
    """One evidence with its payload and, where it names one, the policy text that the person had before them."""

    evidence: Evidence
    payload: Json
    policy: PolicyVersion | None
    seal: int | None  # the first one that covers it

    @property
    def text(self) -> Json:
        """{title, label, first_layer, text} in the language shown, or nothing."""
        language = self.payload.get("policy_language")
        found: Json = self.policy.body["languages"].get(language, {}) if self.policy else {}
        return found

    @property
    def label(self) -> str:
        return str(self.payload.get("checkbox_label_text", ""))

    @property
    def is_emptied(self) -> bool:
        return not self.payload


@dataclass(frozen=True)
class PurposeStanding:
    """What holds for one purpose."""

    purpose: PurposeVersion
    channel: str
    state: ConsentState | None
    decision: Decision


@dataclass(frozen=True)
class LeadConsents:
    """acts: oldest first; purposes in the order of the boxes."""

    mark: ConsentMark | None
    purposes: list[PurposeStanding] = field(default_factory=list)
    acts: list[ShownAct] = field(default_factory=list)


def consents_of(*, workspace_id: int, lead_id: int, at: datetime) -> LeadConsents:
    mark = ConsentMark.objects.filter(workspace_id=workspace_id, lead_id=lead_id).first()
    return LeadConsents(mark, standings_of(workspace_id, lead_id, at), acts_of(workspace_id, lead_id))


def standings_of(workspace_id: int, lead_id: int, at: datetime) -> list[PurposeStanding]:
    states = {
        (state.purpose, state.channel): state
        for state in ConsentState.objects.filter(workspace_id=workspace_id, lead_id=lead_id).order_by("id")
    }
    purposes = sorted(PurposeVersion.currents(workspace_id), key=lambda each: (each.body["position"], each.key))
    standings = []
    for purpose in purposes:
        channel = purpose.body["channel"]
        decision = can_contact(
            workspace_id=workspace_id, lead_ids=[lead_id], purpose=purpose.key, channel=channel, at=at
        )[lead_id]  # fmt: skip
        standings.append(PurposeStanding(purpose, channel, states.get((purpose.key, channel)), decision))
    return standings


def acts_of(workspace_id: int, lead_id: int) -> list[ShownAct]:
    chain = list(
        Evidence.objects.select_related("payload")
        .filter(workspace_id=workspace_id, lead_id=lead_id).order_by("ordinal")
    )  # fmt: skip
    payloads = [each.payload.payload if hasattr(each, "payload") else {} for each in chain]
    policies = {
        (each.key, each.version): each
        for each in PolicyVersion.objects.filter(workspace_id=workspace_id).order_by("id")
    }
    heads = list(
        SealedHead.objects.filter(workspace_id=workspace_id, lead_id=lead_id)
        .order_by("ordinal").values_list("ordinal", "seal")
    )  # fmt: skip
    return [
        ShownAct(
            each,
            payload,
            policies.get((payload.get("policy", ""), payload.get("policy_version", 0))),
            next((seal for ordinal, seal in heads if ordinal >= each.ordinal), None),
        )
        for each, payload in zip(chain, payloads, strict=True)
    ]
