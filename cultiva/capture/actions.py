"""Publishing forms, and taking what people send through them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError

from cultiva.capture.documents import read_form
from cultiva.capture.forms import MIN_FILL, TRAP, Shown, purpose_name
from cultiva.capture.models import FormVersion, Submission
from cultiva.consent.actions import record_consents, request_confirmation
from cultiva.consent.evidence import Circumstances
from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.actions import save_lead
from cultiva.lib.database import workspace_scope
from cultiva.lib.signing import hash_token
from cultiva.magnets.actions import grant_magnet
from cultiva.magnets.models import Grant

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequestFacts:
    """What the request tells beside the fields. `campaign`: utm_* without the prefix, and click ids."""

    page_url: str = ""
    referrer: str = ""
    ip: str = ""
    user_agent: str = ""
    campaign: Mapping[str, str] = field(default_factory=dict)
    rendered_html_sha256: str = ""


@dataclass(frozen=True)
class Outcome:
    """The answer to a submission. Nothing in it is set where it was not believed to come from a person."""

    submission_id: int | None = None
    lead_id: int | None = None
    grant: Grant | None = None


def publish_form(*, workspace_id: int, text: str, at: datetime) -> FormVersion:
    """A new version of a form. Raises DocumentError for a missing policy, an unknown field and the like."""
    with workspace_scope(workspace_id):
        form = read_form(text, workspace_id=workspace_id)
        return FormVersion.publish(
            workspace_id=workspace_id, key=form.key, name=form.name, body=form.body, source_text=text, at=at
        )


def submit_form(
    *,
    workspace_id: int,
    form: Shown,
    cleaned: Mapping[str, Any],
    request_facts: RequestFacts,
    token: str,
    at: datetime,
) -> Outcome:
    """Lead, consent with its evidence, magnet, submission and events, in one transaction: all of it or nothing.

    `cleaned`: the values of a valid `CaptureForm`. The same token again answers as the first time and changes nothing.
    """
    if reason := _suspicion(form, cleaned, at):
        log.info("event=form.suspected workspace=%d form=%s reason=%s", workspace_id, form.form.key, reason)
        return Outcome()
    token_hash = hash_token(token)
    try:
        with workspace_scope(workspace_id):
            return _submit(workspace_id, form, cleaned, request_facts, token_hash, at)
    except IntegrityError:  # the token was used: nothing of this attempt stays
        with workspace_scope(workspace_id):
            first = find_outcome(workspace_id, token_hash)
        if first is None:
            raise
        return first


def find_outcome(workspace_id: int, token_hash: str) -> Outcome | None:
    """The answer already given to a token, or None."""
    submission = (
        Submission.objects.select_related("form").filter(workspace_id=workspace_id, token_hash=token_hash).first()
    )
    return _outcome_of(submission) if submission else None


def read_outcome(*, workspace_id: int, submission_id: int) -> Outcome:
    """The answer to a submission, for the page that thanks."""
    submission = Submission.objects.select_related("form").filter(workspace_id=workspace_id, id=submission_id).first()
    return _outcome_of(submission) if submission else Outcome()


def form_offering(*, workspace_id: int, magnet: str) -> FormVersion | None:
    """A form through which a magnet can be asked for."""
    forms = FormVersion.currents(workspace_id)
    return next((form for form in forms if form.body["magnet"] == magnet), None)


def _submit(
    workspace_id: int,
    form: Shown,
    cleaned: Mapping[str, Any],
    facts: RequestFacts,
    token_hash: str,
    at: datetime,
) -> Outcome:
    events: list[NewEvent] = []
    answers = {question["key"]: cleaned[question["key"]] for question in form.form.body["fields"]}
    lead, is_new_lead = save_lead(
        workspace_id=workspace_id,
        email=answers["email"],
        attributes=answers,
        language=form.language,
        source_kind="form",
        at=at,
        message_id=f"identify:{token_hash}",
        events=events,
    )
    submission = Submission.objects.create(
        workspace_id=workspace_id,
        form=form.form,
        lead=lead,
        token_hash=token_hash,
        fields=answers,
        received_at=at,
    )
    recorded = record_consents(
        workspace_id=workspace_id,
        lead_id=lead.id,
        policy=form.policy,
        purposes=[purpose for purpose in form.purposes if cleaned.get(purpose_name(purpose))],
        language=form.language,
        circumstances=_circumstances(form, facts, token_hash),
        at=at,
        is_new_lead=is_new_lead,
        events=events,
    )
    if recorded.needs_confirmation:
        request_confirmation(workspace_id=workspace_id, lead_id=lead.id, form=form.form.key, at=at, events=events)
    grant = None
    if magnet := form.form.body["magnet"]:
        grant = grant_magnet(workspace_id=workspace_id, lead_id=lead.id, magnet=magnet, at=at, events=events)
    events.append(_submitted(form.form, submission, facts, at))
    record_events(workspace_id=workspace_id, events=events, received_at=at)
    return Outcome(submission.id, lead.id, grant)


def _suspicion(form: Shown, cleaned: Mapping[str, Any], at: datetime) -> str:
    if cleaned.get(TRAP):
        return "trap"
    return "too_fast" if at - form.issued_at < MIN_FILL else ""


def _circumstances(form: Shown, facts: RequestFacts, token_hash: str) -> Circumstances:
    return Circumstances(
        action="checkbox",
        form=form.form.key,
        form_version=form.form.version,
        page_url=facts.page_url,
        referrer=facts.referrer,
        ip=facts.ip,
        user_agent=facts.user_agent,
        session_sha256=token_hash,
        rendered_html_sha256=facts.rendered_html_sha256,
    )


def _submitted(form: FormVersion, submission: Submission, facts: RequestFacts, at: datetime) -> NewEvent:
    magnet = form.body["magnet"]
    return NewEvent(
        kind="track",
        name="form_submitted",
        message_id=f"submission:{submission.id}",
        occurred_at=at,
        lead_id=submission.lead_id,
        actor="human",
        properties={"form": form.key, "objective": form.body["objective"], "submission": submission.id}
        | ({"magnet": magnet} if magnet else {}),
        context={"campaign": dict(facts.campaign), "page": {"url": facts.page_url, "referrer": facts.referrer}},
    )


def _outcome_of(submission: Submission) -> Outcome:
    magnet = submission.form.body["magnet"]
    grant = None
    if magnet:
        grant = Grant.objects.filter(
            workspace_id=submission.workspace_id, lead_id=submission.lead_id, magnet=magnet
        ).first()
    return Outcome(submission.id, submission.lead_id, grant)
