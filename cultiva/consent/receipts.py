"""The receipt: what a person agreed to, for them to keep, signed so that anybody can check it.

JSON-LD in the vocabulary of the W3C Data Privacy Vocabularies, after ISO/IEC TS 27560 as the DPV guide "consent-27560"
maps it. The signature is Ed25519 over the document without `proof`, as JSON with sorted keys and no spaces (RFC 8785).
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from cultiva.accounts.models import Workspace
from cultiva.consent.evidence import canonical_json
from cultiva.consent.jurisdictions import Jurisdiction, jurisdictions
from cultiva.consent.keys import keys_url, sign_bytes, signing_key
from cultiva.consent.models import ConsentState, Evidence, PolicyVersion
from cultiva.consent.rules import Rules, rules_of
from cultiva.consent.showing import ShownAct, acts_of
from cultiva.lib.folding import fold
from cultiva.lib.signing import sign

Json = dict[str, Any]

CONTEXT = {
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "loc": "https://w3id.org/dpv/loc#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "dct": "http://purl.org/dc/terms/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
}
PROFILE = "https://w3id.org/dpv/schema/dpv-27560"
GDPR_PROFILE = "https://w3id.org/dpv/schema/dpv-27560-GDPR"
PURPOSES = {"marketing": "dpv:DirectMarketing", "profiling": "dpv:Personalisation"}
CONTROLLER = "#controller"
NAMESPACE = uuid.UUID("6f1f3b1e-4c0b-5a0e-9a57-0d7c4be0a2a1")  # of records; any fixed one will do
RECIPIENTS = ("destinatari", "recipient", "cesion", "shared with", "transmision")
TRANSFERS = ("transfer",)


def receipt_of(*, workspace_id: int, lead_id: int, at: datetime, evidence_id: int | None = None) -> Json:
    """The receipt of all that a lead agreed to, or of one evidence, signed."""
    workspace = Workspace.objects.get(id=workspace_id)
    acts = agreed_acts(workspace_id, lead_id, evidence_id)
    receipt: Json = {
        "@context": CONTEXT,
        "@id": f"urn:uuid:{uuid.uuid4()}",
        "@type": "dpv:ConsentReceipt",
        "dct:conformsTo": _profile(_law(acts, workspace_id)),
        "dct:created": _instant(at),
        "dct:publisher": workspace.name,
        "dpv:hasRecordOfActivity": [_record(workspace, lead_id, act, at) for act in acts],
        "dpv:hasEntity": [_controller(policy) for policy in policies_of(acts)],
    }
    key = signing_key(workspace_id=workspace_id, at=at)
    proof = {"type": "Ed25519", "kid": key.kid, "keys": keys_url(workspace), "canonical": "RFC 8785"}
    return receipt | {"proof": proof | {"value": sign_bytes(key, canonical_json(receipt).encode())}}


def kantara_of(*, workspace_id: int, lead_id: int, at: datetime, evidence_id: int | None = None) -> Json:
    """The same as a Kantara consent receipt 1.1."""
    acts = agreed_acts(workspace_id, lead_id, evidence_id)
    policies = policies_of(acts)
    workspace = Workspace.objects.get(id=workspace_id)
    controllers = [
        {
            "piiController": policy.body["controller"]["name"],
            "contact": policy.body["controller"].get("dpo_email") or policy.body["controller"]["email"],
            "address": {"streetAddress": policy.body["controller"]["address"]},
            "email": policy.body["controller"]["email"],
            "phone": "",
        }
        for policy in policies
    ]
    services = [
        {
            "service": workspace.name,
            "purposes": [
                {
                    "purpose": act.label,
                    "purposeCategory": ["6 Marketing" if act.evidence.purpose else "1 Core Function"],
                    "consentType": "EXPLICIT",
                    "piiCategory": ["2 Contact"],
                    "primaryPurpose": not act.evidence.purpose,
                    "termination": _withdrawal_url(workspace_id, lead_id),
                    "thirdPartyDisclosure": act.evidence.purpose == "third_parties",
                }
            ],
        }
        for act in acts
    ]
    return {
        "version": "KI-CR-v1.1.0",
        "jurisdiction": _law(acts, workspace_id).code,
        "consentTimestamp": int(acts[-1].evidence.occurred_at.timestamp()) if acts else int(at.timestamp()),
        "collectionMethod": str(acts[-1].payload.get("action", "checkbox")) if acts else "none",
        "consentReceiptID": str(uuid.uuid4()),
        "publicKey": keys_url(workspace),
        "language": str(acts[-1].payload.get("policy_language") or workspace.language) if acts else workspace.language,
        "piiPrincipalId": f"lead:{lead_id}",
        "piiControllers": controllers,
        "policyUrl": _notice_url(workspace, acts[-1].policy) if acts and acts[-1].policy else settings.PUBLIC_URL,
        "services": services,
        "sensitive": False,
        "spiCat": [],
    }


def receipt_token(workspace_id: int, lead_id: int) -> str:
    """What the person's link carries: `/c/receipt/<token>`."""
    return sign("receipt", workspace_id, lead_id)


def preference_token(workspace_id: int, lead_id: int) -> str:
    """What the person's own page is opened with: `/c/my/<token>`."""
    return sign("preferences", workspace_id, lead_id)


def agreed_acts(workspace_id: int, lead_id: int, evidence_id: int | None = None) -> list[ShownAct]:
    """The acceptance of the policy, and what was given or withdrawn last for each purpose; or one evidence alone."""
    acts = [act for act in acts_of(workspace_id, lead_id) if not act.is_emptied]
    if evidence_id is not None:
        return [act for act in acts if act.evidence.id == evidence_id]
    last = {
        (act.evidence.act if act.evidence.act == "policy_accepted" else act.evidence.purpose): act
        for act in acts
        if act.evidence.act in ("policy_accepted", "given", "withdrawn")
    }
    return sorted(last.values(), key=lambda act: act.evidence.ordinal)


def _record(workspace: Workspace, lead_id: int, act: ShownAct, at: datetime) -> Json:
    evidence, policy = act.evidence, act.policy
    rules = rules_of(workspace.id)
    return {
        "@id": f"urn:uuid:{uuid.uuid5(NAMESPACE, f'{workspace.id}:{evidence.id}')}",
        "@type": "dpv:ConsentRecord",
        "dct:conformsTo": _profile(_law([act], workspace.id)),
        "dct:identifier": f"evidence:{evidence.id}",
        "dct:language": act.payload.get("policy_language") or act.payload.get("language") or workspace.language,
        "dpv:hasDataSubject": {"@id": f"urn:lead:{lead_id}", "@type": "dpv:DataSubject"},
        "dpv:hasNotice": _notice(workspace, act),
        "dpv:hasProcess": [_process(workspace, lead_id, act, rules, policy)],
        "dpv:hasConsentStatus": _statuses(workspace.id, lead_id, act, rules, at),
        "evidence": {
            "ordinal": evidence.ordinal, "hash": evidence.hash, "previous_hash": evidence.previous_hash,
            "seal": act.seal,
        },
    }  # fmt: skip


def _notice(workspace: Workspace, act: ShownAct) -> Json:
    if act.policy is None:
        return {"@type": "dpv:ConsentNotice", "dct:description": act.label or act.evidence.act}
    return {
        "@type": "dpv:ConsentNotice",
        "@id": _notice_url(workspace, act.policy),
        "dct:language": act.payload.get("policy_language"),
        "dct:title": act.text.get("title", ""),
        "dct:description": act.label,
        "sha256": act.payload.get("policy_text_sha256"),
    }


def _process(workspace: Workspace, lead_id: int, act: ShownAct, rules: Rules, policy: PolicyVersion | None) -> Json:
    law = _law([act], workspace.id)
    months = rules.expires_after_months.get(act.evidence.channel)
    is_gdpr = law.code in ("ES", "EU")
    return {
        "@type": "dpv:Process",
        "dpv:hasPurpose": PURPOSES.get(act.evidence.purpose, "dpv:Purpose"),
        "dct:description": act.label or act.evidence.act,
        "dpv:hasLegalBasis": "eu-gdpr:A6-1-a" if is_gdpr else "dpv:Consent",
        "dpv:hasPersonalData": [
            {"@type": "pd:EmailAddress", "dpv:hasNecessity": "dpv:Required"},
            {"@type": "pd:Name", "dpv:hasNecessity": "dpv:Optional"},
        ],
        "dpv:hasDataController": CONTROLLER,
        "dpv:hasRecipient": _row(act.text, RECIPIENTS) or "none named",
        "dpv:hasDataTransfer": _row(act.text, TRANSFERS) or "none named",
        "dpv:hasProcessingMeans": "profiling" if policy and policy.body["profiling"] != "none" else "no profiling",
        "dpv:hasStorageCondition": {
            "dpv:hasLocation": f"loc:{law.code}",
            "dpv:hasDuration": f"P{months}M" if months else "until it is withdrawn",
        },
        "dpv:hasJurisdiction": f"loc:{law.code}",
        "dpv:hasConsentControl": _withdrawal_url(workspace.id, lead_id),
        "dpv:hasRight": "eu-gdpr:A7-3" if is_gdpr else "dpv:DataSubjectRight",
        "dpv:hasAuthority": law.authority["en"],
    }


def _statuses(workspace_id: int, lead_id: int, act: ShownAct, rules: Rules, at: datetime) -> list[Json]:
    evidence = act.evidence
    state = ConsentState.objects.filter(
        workspace_id=workspace_id, lead_id=lead_id, purpose=evidence.purpose, channel=evidence.channel
    ).first()
    how = "+".join(each for each in (act.payload.get("action", ""), _proof(workspace_id, lead_id, evidence)) if each)
    given: Json = {
        "@type": "dpv:ConsentWithdrawn" if evidence.act == "withdrawn" else "dpv:ConsentGiven",
        "dpv:isIndicatedAtTime": _instant(evidence.occurred_at),
        "dpv:isIndicatedBy": "dpv:DataSubject",
        "dpv:hasIndicationMethod": how or evidence.act,
    }
    months = rules.expires_after_months.get(evidence.channel)
    if months:
        given["dpv:hasDuration"] = {"@type": "dpv:TemporalDuration", "rdf:value": f"P{months}M"}
    statuses = [given]
    if state and evidence.act == "given" and state.state == "given" and state.renewed_at:
        renewed = {"@type": "dpv:RenewedConsentGiven", "dpv:isIndicatedAtTime": _instant(state.renewed_at)}
        statuses.append(renewed | {"dpv:isIndicatedBy": "dpv:DataSubject"})
    if state and evidence.act == "given" and state.state == "withdrawn":
        ended = {"@type": "dpv:ConsentWithdrawn", "dpv:isIndicatedAtTime": _instant(state.since)}
        statuses.append(ended | {"dpv:isIndicatedBy": "dpv:DataSubject"})
    return statuses


def _proof(workspace_id: int, lead_id: int, evidence: Evidence) -> str:
    confirmed = Evidence.objects.filter(
        workspace_id=workspace_id, lead_id=lead_id, act="confirmed", occurred_at__gte=evidence.occurred_at
    )
    return "double-opt-in" if evidence.act == "given" and confirmed.exists() else ""


def _controller(policy: PolicyVersion) -> Json:
    known = policy.body["controller"]
    return {
        "@id": CONTROLLER,
        "@type": ["dpv:Organisation", "dpv:DataController"],
        "dpv:hasName": known["name"],
        "dpv:hasAddress": known["address"],
        "dpv:hasContact": f"mailto:{known.get('dpo_email') or known['email']}",
    }


def policies_of(acts: list[ShownAct]) -> list[PolicyVersion]:
    """Of each policy the last version that was shown."""
    found = {act.policy.key: act.policy for act in acts if act.policy}
    return list(found.values())


def _law(acts: list[ShownAct], workspace_id: int) -> Jurisdiction:
    own = next((act.policy.body.get("jurisdiction") for act in reversed(acts) if act.policy), None)
    return jurisdictions()[own] if own else rules_of(workspace_id).jurisdiction


def _profile(law: Jurisdiction) -> str:
    return GDPR_PROFILE if law.code in ("ES", "EU") else PROFILE


def _row(text: Json, words: tuple[str, ...]) -> str:
    """What the first layer says under a term."""
    return next(
        (said for term, said in text.get("first_layer", []) if any(word in fold(term) for word in words)), ""
    )  # fmt: skip


def _notice_url(workspace: Workspace, policy: PolicyVersion) -> str:
    return f"{settings.PUBLIC_URL}/p/{workspace.slug}/{policy.key}/v{policy.version}"


def _withdrawal_url(workspace_id: int, lead_id: int) -> str:
    return f"{settings.PUBLIC_URL}/u/{sign('unsubscribe', workspace_id, lead_id, 0)}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
