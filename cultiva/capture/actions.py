"""Publishing forms, and taking what people send through them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError

from cultiva.accounts.models import Membership
from cultiva.capture.asking import conditions_in
from cultiva.capture.documents import read_form
from cultiva.capture.field_documents import answers_of
from cultiva.capture.forms import Shown, answers_in, birth_date_in, purpose_name
from cultiva.capture.models import FormUpload, FormVersion, Submission
from cultiva.consent.actions import record_consents, request_confirmation
from cultiva.consent.evidence import Circumstances
from cultiva.consent.models import PurposeVersion
from cultiva.criteria.references import forget_references, references_of, save_references
from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.actions import read_address, save_lead
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope
from cultiva.lib.signing import hash_token
from cultiva.lib.uploads import Upload
from cultiva.magnets.actions import grant_magnet
from cultiva.magnets.models import Grant
from cultiva.magnets.referrals import attribute_referral
from cultiva.mailing.actions import Addressee, put_in_outbox
from cultiva.mailing.templating import FORM_NOTICE

Json = dict[str, Any]

DUPLICATE_WINDOW = timedelta(minutes=10)  # the same answers again within it are one submission


@dataclass(frozen=True)
class RequestFacts:
    """What the request tells beside the fields.

    `campaign`: utm_* without the prefix, and click ids. `via`: page, embed, post, api, hubspot. `labels`: the words
    of boxes that somebody else's page showed (`consent.record_consents`). `sent_at`: where staff let it in later.
    `referral`: the mark of somebody's personal link (`magnets.referrals`).
    """

    page_url: str = ""
    referrer: str = ""
    ip: str = ""
    user_agent: str = ""
    campaign: Mapping[str, str] = field(default_factory=dict)
    rendered_html_sha256: str = ""
    via: str = "page"
    labels: Mapping[str, str] = field(default_factory=dict)
    sent_at: str = ""
    landing_page: str = ""  # its key
    referral: str = ""


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
        refers = set(references_of(conditions_in(form.body["fields"])))
        # Its own questions are no attributes of the workspace before somebody answers them.
        refers -= {("attribute", key) for key in answers_of(form.body["fields"])}
        if magnet := form.body["magnet"]:
            refers.add(("magnet", magnet))
        save_references(workspace_id=workspace_id, kind="form", key=form.key, refers=refers)
        return FormVersion.publish(
            workspace_id=workspace_id, key=form.key, name=form.name, body=form.body, source_text=text, at=at
        )


def archive_form(*, workspace_id: int, key: str, by: str, at: datetime) -> None:
    """Take a form out of use; its versions and what was sent through them stay. Publishing its key brings it back."""
    with workspace_scope(workspace_id):
        version = FormVersion.current(workspace_id, key)
        if version:
            forget_references(workspace_id=workspace_id, kind="form", key=key)
            version.end(by=by, at=at)


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

    `cleaned`: the values of a valid `CaptureForm`. The same token again answers as the first time and changes nothing;
    a form without one (static, by program) is told apart by what it says, for ten minutes.
    """
    keys = [hash_token(token)] if token else _duplicate_keys(form, cleaned, at)
    try:
        with workspace_scope(workspace_id):
            if not token and (first := _find_duplicate(workspace_id, keys, at)):
                return first
            return _submit(workspace_id, form, cleaned, request_facts, keys[0], at)
    except IntegrityError:  # the token was used: nothing of this attempt stays
        with workspace_scope(workspace_id):
            first = find_outcome(workspace_id, keys[0])
        if first is None:
            raise
        return first


def _duplicate_keys(form: Shown, cleaned: Mapping[str, Any], at: datetime) -> list[str]:
    """Hashes of what is said, in this window of ten minutes and in the one before."""
    said = {name: str(cleaned.get(name)) for name in [*answers_in(form.form, cleaned), *form.boxes]}
    if email := cleaned.get("email"):
        said["email"] = read_address(email).key
    digest = hashlib.sha256(json.dumps([form.form.key, said], sort_keys=True).encode()).hexdigest()
    window = int(at.timestamp() // DUPLICATE_WINDOW.total_seconds())
    return [hash_token(f"{digest}:{each}") for each in (window, window - 1)]


def _find_duplicate(workspace_id: int, keys: list[str], at: datetime) -> Outcome | None:
    found = Submission.objects.select_related("form").filter(
        workspace_id=workspace_id, token_hash__in=keys, received_at__gt=at - DUPLICATE_WINDOW
    )
    first = found.order_by("id").first()
    return _outcome_of(first) if first else None


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


def forms_by_magnet(*, workspace_id: int) -> dict[str, str]:
    """{magnet: the key of a form that gives it}"""
    return {form.body["magnet"]: form.key for form in FormVersion.currents(workspace_id) if form.body["magnet"]}


def _submit(
    workspace_id: int,
    form: Shown,
    cleaned: Mapping[str, Any],
    facts: RequestFacts,
    token_hash: str,
    at: datetime,
) -> Outcome:
    events: list[NewEvent] = []
    answers = answers_in(form.form, cleaned)
    asked = set(answers_of(form.form.body["fields"]))
    lead, is_new_lead = save_lead(
        workspace_id=workspace_id,
        **_identifier(form, answers),
        attributes={key: value for key, value in answers.items() if key in asked},
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
        fields={key: _told(value) for key, value in answers.items()},
        objective=form.form.body["objective"],
        via=facts.via,
        landing_page=facts.landing_page,
        received_at=at,
    )
    _keep_uploads(submission, answers)
    if is_new_lead and facts.referral:
        attribute_referral(workspace_id=workspace_id, token=facts.referral, lead_id=lead.id, at=at, events=events)
    ticked = [purpose for purpose in form.purposes if cleaned.get(purpose_name(purpose))]
    recorded = record_consents(
        workspace_id=workspace_id,
        lead_id=lead.id,
        policy=form.policy,
        purposes=ticked,
        language=form.language,
        circumstances=_circumstances(form, facts, ticked, token_hash),
        at=at,
        is_new_lead=is_new_lead,
        born_on=birth_date_in(form.form, cleaned),
        labels=facts.labels,
        events=events,
    )
    if recorded.needs_confirmation and lead.email_key:
        request_confirmation(workspace_id=workspace_id, lead_id=lead.id, form=form.form.key, at=at, events=events)
    grant = None
    if magnet := form.form.body["magnet"]:
        origin = {"form": form.form.key, "campaign": dict(facts.campaign), "page": facts.page_url}
        grant = grant_magnet(
            workspace_id=workspace_id, lead_id=lead.id, magnet=magnet, at=at, origin=origin, events=events
        )
    events.append(_submitted(form.form, submission, facts, at))
    record_events(workspace_id=workspace_id, events=events, received_at=at)
    _notify(form.form, submission, lead, at)
    return Outcome(submission.id, lead.id, grant)


def _identifier(form: Shown, answers: Json) -> dict[str, str]:
    """By what the lead is found: the address they write; a telephone alone, where they write none; who came by a link
    of their own and was not asked is the lead of that link.

    A telephone beside an address is an attribute: families and offices share one.
    """
    known = form.person.known if form.person and form.person.is_proven else {}
    for name in ("email", "phone"):
        if value := answers.get(name) or ("" if answers.get("phone") else known.get(name)):
            return {name: str(value)}
    return {"email": ""}


def _told(value: Any) -> Any:
    return {"file": value.name, "bytes": len(value.content)} if isinstance(value, Upload) else value


def _keep_uploads(submission: Submission, answers: Json) -> None:
    uploads = [
        FormUpload(
            workspace_id=submission.workspace_id, submission=submission, lead_id=submission.lead_id, field=key,
            name=value.name, content_type=value.content_type, sha256=value.sha256, content=value.content,
        )
        for key, value in answers.items()
        if isinstance(value, Upload)
    ]  # fmt: skip
    if uploads:
        FormUpload.objects.bulk_create(uploads)


def _notify(form: FormVersion, submission: Submission, lead: Lead, at: datetime) -> None:
    """Tell staff by mail, which names the form and leads to the lead. What the person wrote stays where it can be
    erased."""
    addresses = form.body.get("notify")
    if not addresses:
        return
    members = Membership.objects.filter(
        workspace_id=form.workspace_id, user__email__in=addresses, user__is_active=True
    ).order_by("id")
    variables = {"form": form.name, "lead_url": f"{settings.PUBLIC_URL}/leads/{lead.id}"}
    put_in_outbox(
        workspace_id=form.workspace_id,
        cause_kind=FORM_NOTICE,
        template=FORM_NOTICE,
        addressees=[
            Addressee(cause_id=f"{submission.id}:{member.user_id}", user_id=member.user_id, variables=variables)
            for member in members
        ],
        at=at,
    )


def _circumstances(form: Shown, facts: RequestFacts, ticked: list[PurposeVersion], token_hash: str) -> Circumstances:
    return Circumstances(
        action="api" if facts.via in ("api", "hubspot") else "checkbox",
        form=form.form.key,
        form_version=form.form.version,
        page_url=facts.page_url,
        referrer=facts.referrer,
        ip=facts.ip,
        user_agent=facts.user_agent,
        session_sha256=token_hash,
        rendered_html_sha256=facts.rendered_html_sha256,
        boxes_shown=tuple(form.boxes),
        boxes_ticked=(form.boxes[0], *(purpose_name(purpose) for purpose in ticked)),
        sent_at=facts.sent_at,
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
        properties={"form": form.key, "objective": submission.objective, "submission": submission.id}
        | ({"magnet": magnet} if magnet else {})
        | ({"landing_page": facts.landing_page} if facts.landing_page else {}),
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
