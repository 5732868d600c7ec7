"""The queue of requests: received with their clock, identified, extended, and closed by a named person with evidence.

Objection and restriction act at once, in the transaction in which they come in; the rest is for a person to do.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext

from cultiva.accounts.actions import record_audit
from cultiva.accounts.models import Membership, Role, User, Workspace
from cultiva.consent.actions import withdraw
from cultiva.consent.evidence import Circumstances
from cultiva.consent.jurisdictions import Jurisdiction, add_months, jurisdictions
from cultiva.consent.models import ConsentMark
from cultiva.consent.notices import PROFILING
from cultiva.consent.rules import rules_of
from cultiva.consent.standing import restrict, stop_marketing
from cultiva.leads.aliases import current_lead_id
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope
from cultiva.lib.refusals import Refusal
from cultiva.mailing.actions import Addressee, cancel_marketing, put_in_outbox
from cultiva.mailing.templating import PRIVACY_NOTICE
from cultiva.privacy.erasing import erase_person
from cultiva.privacy.models import Erasure, Outcome, PrivacyRequest, PrivacyStep, PrivacyText, Right, Way

Json = dict[str, Any]

ANSWERING = (Role.OWNER, Role.PRIVACY)  # who is told of a request
BY_PERSON = "lead"
SELF_PROVEN = (Way.LINK,)  # whoever has the link reads the person's mail: art. 12(6) asks for no more
LONGEST_TEXT = 5_000
SOON = timedelta(days=7)


class RequestRefused(Refusal):
    """Something that cannot be done with a request."""


@dataclass(frozen=True)
class Evidence:
    """A file that shows what was done."""

    name: str
    content_type: str
    content: bytes


def receive_request(
    *,
    workspace_id: int,
    kind: str,
    way: str,
    at: datetime,
    by: str,
    lead_id: int | None = None,
    text: str = "",
    contact: str = "",
    language: str = "",
    received_at: datetime | None = None,
    circumstances: Circumstances | None = None,
) -> PrivacyRequest:
    """Put a request into the queue. `received_at`: when it reached us, if staff enter it later. Raises RequestRefused.

    An objection ends marketing and profiling, and a restriction every use, before this returns.
    """
    received_at = received_at or at
    _check(kind, way, text, received_at, at)
    with workspace_scope(workspace_id):
        workspace = Workspace.objects.get(id=workspace_id)
        lead = (
            Lead.objects.get(workspace_id=workspace_id, id=current_lead_id(workspace_id, lead_id)) if lead_id else None
        )
        if lead and way in SELF_PROVEN and (known := _open_one(lead, kind)):
            return known
        law = rules_of(workspace_id).jurisdiction
        request = PrivacyRequest.objects.create(
            workspace_id=workspace_id, lead=lead, kind=kind, way=way, contact=contact.strip()[:254],
            language=language or (lead.language if lead else workspace.language), jurisdiction=law.code,
            received_at=received_at, due_on=law.due_on("answer", _day(received_at, workspace)),
            identified_at=at if way in SELF_PROVEN else None,
        )  # fmt: skip
        _note(request, "received", at, by, text=text, kind=kind, way=way)
        if lead:
            act_at_once(request, at=at, by=by, circumstances=circumstances)
        _tell_staff(request, workspace, at)
    return request


def act_at_once(request: PrivacyRequest, *, at: datetime, by: str, circumstances: Circumstances | None = None) -> None:
    """What the law gives no time for."""
    assert request.lead_id
    if request.kind == Right.OBJECTION:
        object_to_marketing(
            workspace_id=request.workspace_id, lead_id=request.lead_id, at=at, circumstances=circumstances
        )  # fmt: skip
        _note(request, "acted", at, by, ended=["marketing", "profiling"])
    elif request.kind == Right.RESTRICTION:
        restrict(workspace_id=request.workspace_id, lead_id=request.lead_id, at=at, reason=f"request {request.id}")
        cancel_marketing(workspace_id=request.workspace_id, lead_ids=[request.lead_id])
        _note(request, "acted", at, by, restricted=True)


def object_to_marketing(
    *, workspace_id: int, lead_id: int, at: datetime, circumstances: Circumstances | None = None
) -> None:
    """No marketing and no profile any more, and nothing that waits is sent (art. 21.2 and 21.3)."""
    with workspace_scope(workspace_id):
        lead_id = current_lead_id(workspace_id, lead_id)
        stop_marketing(workspace_id=workspace_id, lead_id=lead_id, at=at, circumstances=circumstances)
        withdraw(
            workspace_id=workspace_id, lead_id=lead_id, purpose=PROFILING, channel="none", at=at,
            circumstances=circumstances,
        )  # fmt: skip
        cancel_marketing(workspace_id=workspace_id, lead_ids=[lead_id])


def name_person(*, workspace_id: int, request_id: int, lead_id: int, at: datetime, by: str) -> PrivacyRequest:
    """Say whose data a request is about, where it came without a link. Raises RequestRefused."""
    with workspace_scope(workspace_id):
        request = _lock(workspace_id, request_id)
        if request.lead_id:
            raise RequestRefused(gettext("This request already names a person."))
        request.lead = Lead.objects.get(workspace_id=workspace_id, id=current_lead_id(workspace_id, lead_id))
        request.save(update_fields=["lead"])
        _note(request, "assigned", at, by, lead=request.lead_id)
        act_at_once(request, at=at, by=by)
    return request


def identify(*, workspace_id: int, request_id: int, how: str, at: datetime, by: str) -> PrivacyRequest:
    """A person says that it is they who ask, and how that was found out. Raises RequestRefused."""
    with workspace_scope(workspace_id):
        request = _lock(workspace_id, request_id)
        how = _said(how, gettext("Say how you know that it is they who ask."))
        request.identified_at = request.identified_at or at
        request.save(update_fields=["identified_at"])
        _note(request, "identified", at, by, text=how)
    return request


def extend(*, workspace_id: int, request_id: int, reason: str, at: datetime, by: str) -> PrivacyRequest:
    """Once, within the first time, for a reason that the person is told (art. 12.3). Raises RequestRefused."""
    with workspace_scope(workspace_id):
        request = _lock(workspace_id, request_id)
        workspace = Workspace.objects.get(id=workspace_id)
        reason = _said(reason, gettext("Say why it takes longer: the person is told."))
        if request.extended_at:
            raise RequestRefused(gettext("The time was extended already; the law allows it once."))
        if _day(at, workspace) > request.due_on:
            raise RequestRefused(gettext("The time is over: it can only be extended before."))
        before = request.due_on
        request.due_on = extended_due(law_of(request), _day(request.received_at, workspace), before)
        request.extended_at = at
        request.save(update_fields=["due_on", "extended_at"])
        _note(request, "extended", at, by, text=reason, before=before.isoformat(), until=request.due_on.isoformat())
    return request


def extended_due(law: Jurisdiction, received_on: date, due_on: date) -> date:
    """Months are counted from the day it was received, business days from the end of the first time."""
    more = law.rights["extension"]
    if more.months:
        return add_months(received_on, law.rights["answer"].months + more.months)
    return law.due_on("extension", due_on)


def add_note(*, workspace_id: int, request_id: int, text: str, at: datetime, by: str) -> PrivacyRequest:
    """Raises RequestRefused."""
    with workspace_scope(workspace_id):
        request = _lock(workspace_id, request_id)
        _note(request, "noted", at, by, text=_said(text, gettext("There is nothing to note.")))
    return request


def note_export(*, workspace_id: int, request_id: int, at: datetime, by: str) -> None:
    """The person's data were taken out for a request."""
    with workspace_scope(workspace_id):
        _note(_lock(workspace_id, request_id), "exported", at, by)


def close(
    *,
    workspace_id: int,
    request_id: int,
    outcome: str,
    text: str,
    at: datetime,
    user: User,
    evidence: Evidence | None = None,
) -> PrivacyRequest:
    """A named person closes it, and shows what was done. Raises RequestRefused."""
    with workspace_scope(workspace_id):
        request = _lock(workspace_id, request_id)
        if outcome not in Outcome.values:
            raise RequestRefused(gettext("Choose how it ended."))
        text = _said(text, gettext("Say what was done and how the person was answered."))
        if outcome == Outcome.DONE:
            _check_done(request)
        by = f"user:{user.id}"
        request.closed_at, request.closed_by, request.outcome = at, user, outcome
        request.save(update_fields=["closed_at", "closed_by", "outcome"])
        _note(request, "closed", at, by, text=text, evidence=evidence, outcome=outcome)
        record_audit(
            workspace_id=workspace_id, actor=by, action="privacy_request.closed", at=at,
            target=f"privacy_request:{request.id}", detail={"outcome": outcome, "kind": request.kind},
        )  # fmt: skip
    return request


def erase_for(*, workspace_id: int, request_id: int, at: datetime, by: str) -> Erasure:
    """Erase the person who asked for it; the request stays open until somebody closes it. Raises RequestRefused."""
    with workspace_scope(workspace_id):
        request = _lock(workspace_id, request_id)
        if request.kind != Right.ERASURE:
            raise RequestRefused(gettext("Nobody asked to be erased here."))
        _check_person(request)
        assert request.lead_id
        erasure = erase_person(
            workspace_id=workspace_id, lead_id=request.lead_id, at=at, by=by, request_id=request.id
        )  # fmt: skip
        _note(request, "erased", at, by, erasure=erasure.id)
    return erasure


def law_of(request: PrivacyRequest) -> Jurisdiction:
    return jurisdictions()[request.jurisdiction]


def today(workspace: Workspace, at: datetime) -> date:
    return _day(at, workspace)


def steps_of(request: PrivacyRequest) -> list[PrivacyStep]:
    """The history, oldest first, with what was written."""
    found = PrivacyStep.objects.filter(workspace_id=request.workspace_id, request=request)
    return list(found.select_related("written").order_by("id"))


def _open_one(lead: Lead, kind: str) -> PrivacyRequest | None:
    """Who presses twice asks once."""
    found = PrivacyRequest.objects.filter(workspace_id=lead.workspace_id, lead=lead, kind=kind, closed_at=None)
    return found.order_by("id").first()


def _check(kind: str, way: str, text: str, received_at: datetime, at: datetime) -> None:
    if kind not in Right.values:
        known = ", ".join(Right.values)
        raise RequestRefused(
            gettext("There is no right %(value)r. Known: %(known)s.") % {"value": kind, "known": known}
        )
    if way not in Way.values:
        known = ", ".join(Way.values)
        raise RequestRefused(gettext("There is no way %(value)r. Known: %(known)s.") % {"value": way, "known": known})
    if len(text) > LONGEST_TEXT:
        raise RequestRefused(gettext("The text is longer than %(most)s characters.") % {"most": LONGEST_TEXT})
    if received_at > at:
        raise RequestRefused(gettext("A request cannot be received in the future."))


def _check_person(request: PrivacyRequest) -> None:
    if request.lead_id is None:
        raise RequestRefused(gettext("Say first whose data it is about."))
    if request.identified_at is None:
        raise RequestRefused(gettext("Check first that it is they who ask, and say how."))


def _check_done(request: PrivacyRequest) -> None:
    """Done is what can be seen to be done."""
    _check_person(request)
    assert request.lead_id
    erasures = Erasure.objects.filter(workspace_id=request.workspace_id, lead_id=request.lead_id)
    if request.kind == Right.ERASURE and not erasures.exists():
        raise RequestRefused(gettext("The person is not erased yet."))
    marks = ConsentMark.objects.filter(workspace_id=request.workspace_id, lead_id=request.lead_id)
    if request.kind == Right.RESTRICTION and not marks.exclude(restricted_at=None, blocked_at=None).exists():
        raise RequestRefused(gettext("The person's data are not restricted."))


def _said(text: str, problem: str) -> str:
    if not text.strip():
        raise RequestRefused(problem)
    if len(text) > LONGEST_TEXT:
        raise RequestRefused(gettext("The text is longer than %(most)s characters.") % {"most": LONGEST_TEXT})
    return text.strip()


def _lock(workspace_id: int, request_id: int) -> PrivacyRequest:
    found = (
        PrivacyRequest.objects.select_for_update(of=("self",)).filter(workspace_id=workspace_id, id=request_id).first()
    )
    if found is None:
        raise RequestRefused(gettext("There is no such request."))
    if not found.is_open:
        raise RequestRefused(gettext("This request is closed."))
    return found


def _note(
    request: PrivacyRequest, what: str, at: datetime, by: str, *, text: str = "", evidence: Evidence | None = None,
    **facts: Any,
) -> None:  # fmt: skip
    step = PrivacyStep.objects.create(
        workspace_id=request.workspace_id, request=request, at=at, by=by, what=what, facts=facts
    )
    if text or evidence:
        PrivacyText.objects.create(
            workspace_id=request.workspace_id, step=step, text=text,
            file_name=evidence.name[:160] if evidence else "",
            content_type=evidence.content_type[:100] if evidence else "",
            content=evidence.content if evidence else None,
        )  # fmt: skip


def _day(at: datetime, workspace: Workspace) -> date:
    return at.astimezone(ZoneInfo(workspace.time_zone)).date()


def _tell_staff(request: PrivacyRequest, workspace: Workspace, at: datetime) -> None:
    members = Membership.objects.filter(workspace_id=workspace.id, role__in=ANSWERING, user__is_active=True)
    variables = {
        "request_url": f"{settings.PUBLIC_URL}/privacy-requests/{request.id}", "due_on": request.due_on.isoformat()
    }  # fmt: skip
    put_in_outbox(
        workspace_id=workspace.id,
        cause_kind=PRIVACY_NOTICE,
        template=PRIVACY_NOTICE,
        addressees=[
            Addressee(cause_id=f"{request.id}:{member.user_id}", user_id=member.user_id, variables=variables)
            for member in members.order_by("id")
        ],
        at=at,
    )
