"""Consents: what a lead agreed to with its proof, a tick told of, a withdrawal."""

from datetime import datetime
from ipaddress import ip_address
from typing import Any, Literal

from django.http import StreamingHttpResponse
from ninja import Query
from pydantic import BaseModel, Field, field_validator

from cultiva.accounts.models import LANGUAGES
from cultiva.api import examples
from cultiva.api.door import Answer, ApiRequest, FileAnswer, endpoint
from cultiva.api.errors import ApiError, not_found
from cultiva.api.leads import lead_row
from cultiva.api.shapes import Body, Id, Instant
from cultiva.consent.actions import withdraw
from cultiva.consent.bundle import prove
from cultiva.consent.evidence import Circumstances
from cultiva.consent.models import ConsentMark, Evidence, PurposeVersion
from cultiva.consent.notices import bases_of
from cultiva.consent.receipts import kantara_of, receipt_of
from cultiva.consent.showing import ShownAct, consents_of
from cultiva.consent.standing import (
    Purchase,
    record_contract,
    record_guardian,
    record_soft_opt_in,
    stop_marketing,
)
from cultiva.consent.told import ConsentRefused, Told, record_told_consent

Json = dict[str, Any]


class ConsentIn(Body):
    """A box that the person ticked, on whosever page: its words exactly as they were shown."""

    purpose: str = Field("", max_length=80, description="Key of the purpose the box is for; or give `policy`.")
    policy: str = Field("", max_length=80, description="Key of the policy that was accepted; or give `purpose`.")
    text: str = Field(min_length=1, max_length=2000, description="What stood beside the box: the published words.")
    version: int = Field(ge=1, lt=2**31, description="Of the purpose, or of the policy, that was shown.")
    box: str = Field(min_length=1, max_length=200, description="Id of the box in the page.")
    time: Instant = Field(description="When it was ticked.")
    page: str = Field(min_length=1, max_length=2000, description="Address of the page.")
    ip: str = Field(max_length=45, description="The person's IP address.")
    user_agent: str = Field("", max_length=500)

    @field_validator("ip")
    @classmethod
    def read_ip(cls, value: str) -> str:
        return str(ip_address(value))


class WithdrawalIn(Body):
    purpose: str = Field(min_length=1, max_length=80)
    channel: Literal["", "email", "phone", "sms", "whatsapp", "post", "none"] = Field(
        "", description="The purpose's own, if absent."
    )


class PurchaseIn(Body):
    """The six conditions of a soft opt-in; without one of them there is no basis."""

    purpose: str = Field(min_length=1, max_length=80)
    sale: str = Field(min_length=1, max_length=200, description="Number of the contract, order or invoice.")
    sold_by: str = Field(min_length=1, max_length=200, description="The company itself.")
    products: str = Field(min_length=1, max_length=500, description="What they bought.")
    obtained_by: str = Field(min_length=1, max_length=500, description="How they gave the address.")
    opt_out_at_collection: str = Field(min_length=1, max_length=500, description="How they could refuse, then.")
    opt_out_in_messages: str = Field(min_length=1, max_length=500, description="How they can in each message.")


class ContractIn(Body):
    contract: str = Field(min_length=1, max_length=200, description="Its number or name.")
    until: Instant | None = Field(None, description="Its end, if it has one.")


class GuardianIn(Body):
    guardian: str = Field(min_length=1, max_length=200, description="Name of the parent or guardian who agreed.")


class Nothing(Body):
    pass


class PurposeStanding(BaseModel):
    purpose: str
    channel: str
    state: str | None = Field(description="given or withdrawn; null: nothing was said.")
    since: datetime | None
    is_allowed: bool
    basis: str | None = Field(description="Why they may be contacted: consent, contract, soft_opt_in, …")
    reason: str | None = Field(description="Why not: objected, no_basis, unconfirmed, expired, …")
    evidence_id: int | None


class ConsentAct(BaseModel):
    id: int
    ordinal: int
    act: str
    purpose: str
    channel: str
    occurred_at: datetime
    hash: str
    previous_hash: str
    seal: int | None = Field(description="The first seal that covers it; null: not sealed yet.")
    payload: Json = Field(description="What proves it; empty once it was erased.")


class Marks(BaseModel):
    valid_since: datetime | None
    confirmed_since: datetime | None
    profiled_since: datetime | None
    objected_at: datetime | None
    restricted_at: datetime | None
    stopped_at: datetime | None


class Consents(BaseModel):
    lead_id: int
    marks: Marks
    purposes: list[PurposeStanding]
    acts: list[ConsentAct]


class Receipt(BaseModel):
    receipt: Json = Field(description="JSON-LD (dpv) or Kantara 1.1; signed where it holds a `proof`.")


class ReceiptQuery(BaseModel):
    format: Literal["dpv", "kantara", "json"] = "dpv"


@endpoint(
    "GET", "/leads/{lead_id}/consents", scope="consents:read", tag="Consents", summary="What a lead agreed to",
    answers={200: Consents}, example=examples.CONSENTS,
)  # fmt: skip
def list_consents(request: ApiRequest, lead_id: Id) -> Answer:
    """Marks, what holds for each purpose, and every act with its proof, oldest first."""
    return 200, consents_row(request, lead_row(request, lead_id)["id"])


@endpoint(
    "POST", "/leads/{lead_id}/consents", scope="consents:write", tag="Consents", summary="Record a ticked box",
    answers={201: Consents}, example=examples.CONSENTS, body_example=examples.CONSENT_IN,
)  # fmt: skip
def record_consent(request: ApiRequest, lead_id: Id, body: ConsentIn) -> Answer:
    """With its whole proof, or not at all. A mail asks the person to confirm the address where that is needed; until
    then they are not contacted. A tick older than a withdrawal is refused."""
    call, found = request.call, lead_row(request, lead_id)["id"]
    told = Told(
        text=body.text, version=body.version, box=body.box, told_at=body.time, page_url=body.page, ip=body.ip,
        purpose=body.purpose, policy=body.policy, user_agent=body.user_agent,
    )  # fmt: skip
    try:
        record_told_consent(
            workspace_id=call.workspace_id, lead_id=found, told=told, at=call.at, by=call.caller.actor
        )  # fmt: skip
    except ConsentRefused as error:
        raise ApiError(422, "consent_refused", str(error), field=error.field) from error
    return 201, consents_row(request, found)


@endpoint(
    "POST", "/leads/{lead_id}/withdrawals", scope="consents:write", tag="Consents", summary="Withdraw a consent",
    answers={200: Consents}, example=examples.CONSENTS, body_example={"purpose": "marketing"},
)  # fmt: skip
def withdraw_consent(request: ApiRequest, lead_id: Id, body: WithdrawalIn) -> Answer:
    """At once, and again changes nothing. What was never given can be withdrawn, too."""
    call, found = request.call, lead_row(request, lead_id)["id"]
    version = PurposeVersion.current(call.workspace_id, body.purpose)
    channel = body.channel or (version.body["channel"] if version else "")
    if not channel:
        message = f"There is no purpose `{body.purpose}` in force. Give its `channel`, too, or another purpose."
        raise ApiError(422, "invalid", message, field="purpose")
    withdraw(
        workspace_id=call.workspace_id, lead_id=found, purpose=body.purpose, channel=channel, at=call.at,
        circumstances=Circumstances(action="api"),
    )  # fmt: skip
    return 200, consents_row(request, found)


@endpoint(
    "POST", "/leads/{lead_id}/purchases", scope="consents:write", tag="Consents", summary="Record a soft opt-in",
    answers={200: Consents}, example=examples.CONSENTS, body_example=examples.PURCHASE_IN,
)  # fmt: skip
def record_purchase(request: ApiRequest, lead_id: Id, body: PurchaseIn) -> Answer:
    """A customer may be written to about similar products of one's own until they say no, where the law of the
    workspace and the purpose allow it."""
    call, found = request.call, lead_row(request, lead_id)["id"]
    version = PurposeVersion.current(call.workspace_id, body.purpose)
    if version is None or "soft_opt_in" not in bases_of(version.body):
        message = f"No purpose `{body.purpose}` in force names `soft_opt_in` among its bases. Publish one that does."
        raise ApiError(422, "invalid", message, field="purpose")
    record_soft_opt_in(
        workspace_id=call.workspace_id, lead_id=found, purpose=version.key, channel=version.body["channel"],
        purchase=Purchase(**body.model_dump(exclude={"purpose"})), at=call.at, by="system",
    )  # fmt: skip
    return 200, consents_row(request, found)


@endpoint(
    "POST", "/leads/{lead_id}/contracts", scope="consents:write", tag="Consents", summary="Record a contract",
    answers={200: Consents}, example=examples.CONSENTS, body_example={"contract": "2026-0017"},
)  # fmt: skip
def record_contract_of(request: ApiRequest, lead_id: Id, body: ContractIn) -> Answer:
    """It makes the lead valid, and allows the purposes that name `contract` among their bases."""
    call, found = request.call, lead_row(request, lead_id)["id"]
    record_contract(
        workspace_id=call.workspace_id, lead_id=found, contract=body.contract, until=body.until, at=call.at,
        by="system",
    )  # fmt: skip
    return 200, consents_row(request, found)


@endpoint(
    "POST", "/leads/{lead_id}/guardians", scope="consents:write", tag="Consents", summary="A guardian agreed",
    answers={200: Consents}, example=examples.CONSENTS, body_example={"guardian": "Luz Peña"},
)  # fmt: skip
def record_guardian_of(request: ApiRequest, lead_id: Id, body: GuardianIn) -> Answer:
    """From then on what a minor ticks counts."""
    call, found = request.call, lead_row(request, lead_id)["id"]
    record_guardian(
        workspace_id=call.workspace_id, lead_id=found, guardian=body.guardian, at=call.at,
        circumstances=Circumstances(action="api"),
    )  # fmt: skip
    return 200, consents_row(request, found)


@endpoint(
    "POST", "/leads/{lead_id}/objections", scope="consents:write", tag="Consents", summary="No marketing any more",
    answers={200: Consents}, example=examples.CONSENTS, body_example={},
)  # fmt: skip
def object_to_marketing(request: ApiRequest, lead_id: Id, body: Nothing) -> Answer:
    """At once, for every purpose on every channel. Only a box ticked later, and proven, counts after it."""
    call, found = request.call, lead_row(request, lead_id)["id"]
    stop_marketing(
        workspace_id=call.workspace_id, lead_id=found, at=call.at, circumstances=Circumstances(action="api")
    )  # fmt: skip
    return 200, consents_row(request, found)


@endpoint(
    "GET", "/leads/{lead_id}/consents/receipt", scope="consents:read", tag="Consents", summary="The lead's receipt",
    answers={200: Receipt}, example=examples.RECEIPT,
)  # fmt: skip
def get_receipt(request: ApiRequest, lead_id: Id, query: Query[ReceiptQuery]) -> Answer:
    """What they agreed to, signed: they can keep it, and anybody can check it against the published key."""
    return 200, {"receipt": receipt_in(request, lead_row(request, lead_id)["id"], query.format, None)}


@endpoint(
    "GET", "/leads/{lead_id}/consents/receipt.pdf", scope="consents:read", tag="Consents",
    summary="The lead's receipt, as a PDF", answers={200: None}, example=None,
)  # fmt: skip
def get_receipt_pdf(request: ApiRequest, lead_id: Id) -> FileAnswer:
    """For people to read and keep, in the lead's language; the signed form is the JSON-LD."""
    from cultiva.consent.receipt_pdf import receipt_pdf  # noqa: PLC0415  large, and seldom needed

    call, row = request.call, lead_row(request, lead_id)
    found, language = row["id"], row["language"] if row["language"] in dict(LANGUAGES) else "en"
    content = receipt_pdf(workspace_id=call.workspace_id, lead_id=found, at=call.at, language=language)
    answer = StreamingHttpResponse([content], content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="receipt-{found}.pdf"'
    return 200, answer


@endpoint(
    "GET", "/consents/{evidence_id}", scope="consents:read", tag="Consents", summary="One consent as a record",
    answers={200: Receipt}, example=examples.RECEIPT,
)  # fmt: skip
def get_consent_record(request: ApiRequest, evidence_id: Id, query: Query[ReceiptQuery]) -> Answer:
    """dpv: JSON-LD after ISO/IEC TS 27560; kantara: a consent receipt 1.1; json: the evidence as it is kept."""
    evidence = Evidence.objects.filter(workspace_id=request.call.workspace_id, id=evidence_id).first()
    if evidence is None:
        raise not_found(f"consent {evidence_id}")
    return 200, {"receipt": receipt_in(request, evidence.lead_id, query.format, evidence_id)}


@endpoint(
    "GET", "/leads/{lead_id}/consents/proof", scope="consents:read", tag="Consents", summary="The proof, as a ZIP",
    answers={200: None}, example=None,
)  # fmt: skip
def get_proof(request: ApiRequest, lead_id: Id) -> FileAnswer:
    """Evidence, payloads, texts as shown, chain, seals, receipt, and the script that checks them without us."""
    call, found = request.call, lead_row(request, lead_id)["id"]
    content = prove(workspace_id=call.workspace_id, lead_id=found, at=call.at, by=call.caller.actor)
    answer = StreamingHttpResponse([content], content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="consent-{found}.zip"'
    return 200, answer


def receipt_in(request: ApiRequest, lead_id: int, form: str, evidence_id: int | None) -> Json:
    call = request.call
    given: Json = {
        "workspace_id": call.workspace_id, "lead_id": lead_id, "at": call.at, "evidence_id": evidence_id,
    }  # fmt: skip
    if form == "kantara":
        return kantara_of(**given)
    if form == "dpv":
        return receipt_of(**given)
    acts = consents_of(workspace_id=call.workspace_id, lead_id=lead_id, at=call.at).acts
    return {"acts": [act_row(act) for act in acts if evidence_id in (None, act.evidence.id)]}


def consents_row(request: ApiRequest, lead_id: int) -> Json:
    found = consents_of(workspace_id=request.call.workspace_id, lead_id=lead_id, at=request.call.at)
    mark = found.mark or ConsentMark()
    purposes = [
        {
            "purpose": each.purpose.key,
            "channel": each.channel,
            "state": each.state.state if each.state else None,
            "since": each.state.since if each.state else None,
            "is_allowed": each.decision.allowed,
            "basis": each.decision.basis or None,
            "reason": each.decision.reason or None,
            "evidence_id": each.decision.evidence_id,
        }
        for each in found.purposes
    ]
    marks = {name: getattr(mark, name) for name in Marks.model_fields}
    return {"lead_id": lead_id, "marks": marks, "purposes": purposes, "acts": [act_row(act) for act in found.acts]}


def act_row(act: ShownAct) -> Json:
    own = {name: getattr(act.evidence, name) for name in ConsentAct.model_fields if name not in ("seal", "payload")}
    return own | {"seal": act.seal, "payload": act.payload}
