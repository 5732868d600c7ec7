"""Form calls as HubSpot's integrations send them: sites and plug-ins written for it point here by a changed base URL.

The portal is the workspace's number, the GUID the form's (`guid_of`). The words of the consent come with the call, and
are what the evidence holds.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from cultiva.accounts.models import Workspace
from cultiva.capture.actions import RequestFacts
from cultiva.capture.drawing import bind, redirect_of
from cultiva.capture.forms import POLICY, Shown, guid_of, make_static_token, purpose_name, show_version
from cultiva.capture.guarding import LIMITS
from cultiva.capture.holding import take_submission
from cultiva.capture.models import FormVersion
from cultiva.consent.evidence import sha256
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.public.bodies import BadBody, Fields, Posted, read_json
from cultiva.public.form_data import has_key
from cultiva.public.form_origins import let_read, may_send, origin_of, origin_of_url
from cultiva.public.visits import MAX_URL, campaign_of, ip_of, one_line, user_agent_of

Json = dict[str, Any]

NAMES = {"firstname": "first_name", "lastname": "last_name", "jobtitle": "job_title", "mobilephone": "phone"}
MOST_FIELDS = 1_000


@csrf_exempt
@require_http_methods(["POST", "OPTIONS"])
def submit(request: HttpRequest, portal: int, guid: str) -> HttpResponse:
    return _answer(request, portal, guid, is_secure=False)


@csrf_exempt
@require_http_methods(["POST"])
def submit_secure(request: HttpRequest, portal: int, guid: str) -> HttpResponse:
    return _answer(request, portal, guid, is_secure=True)


def _answer(request: HttpRequest, portal: int, guid: str, *, is_secure: bool) -> HttpResponse:
    form = _find(portal, guid)
    if request.method == "OPTIONS":
        return let_read(HttpResponse(status=204), request, form)
    if form is None:
        return _problem(404, "FORM_NOT_FOUND", "No form has this portal and GUID.")
    at = clock.now()
    is_allowed = has_key(request, form.workspace_id, at) if is_secure else may_send(request, form, is_ours=False)
    if not is_allowed:
        return let_read(_problem(403, "FORBIDDEN", "This site is not among the form's origins."), request, form)
    try:
        response = _take(request, form, read_json(request), at, is_secure=is_secure)
    except BadBody as bad:
        response = _problem(bad.status, "INVALID_BODY", "The body is not the JSON that is expected.")
    return let_read(response, request, form)


def _find(portal: int, guid: str) -> FormVersion | None:
    if portal >= 2**63:
        return None
    with workspace_scope(portal):
        forms = list(FormVersion.currents(portal))
    return next((form for form in forms if guid_of(portal, form.key) == guid.lower()), None)


def _take(request: HttpRequest, form: FormVersion, body: Json, at: datetime, *, is_secure: bool) -> HttpResponse:
    context = _object(body.get("context"))
    with workspace_scope(form.workspace_id):
        workspace = Workspace.objects.get(id=form.workspace_id)
        shown = show_version(form, languages=[workspace.language], at=at)
    if shown is None:
        return _problem(404, "FORM_NOT_FOUND", "The form has no policy in force.")
    shown = replace(shown, token="", issued_at=None)  # a call by program: nothing of ours was shown
    fields, labels = _consents(body.get("legalConsentOptions"), shown)
    fields.update(_fields(body.get("fields")))
    bound = bind(shown, Posted(fields))
    if not bound.is_valid():
        errors = [{"message": f"{name}: {said[0]}", "errorType": "INVALID"} for name, said in bound.errors.items()]
        return JsonResponse({"status": "error", "message": "The request is not valid", "errors": errors}, status=400)
    if not is_secure and (wait := LIMITS.take(ip_of(request), f"{workspace.slug}/{form.key}")):
        response = _problem(429, "RATE_LIMIT", "Too much was sent from this connection.")
        response["Retry-After"] = str(wait)
        return response
    take_submission(
        workspace_id=form.workspace_id,
        form=shown,
        cleaned=bound.cleaned_data,
        posted=dict(fields.lists()),
        request_facts=_facts(request, context, labels, is_secure=is_secure),
        token=make_static_token(shown),
        at=at,
    )
    redirect = redirect_of(form, shown.language)
    return JsonResponse({"redirectUri": redirect} if redirect else {"inlineMessage": shown.texts["thanks"]})


def _fields(found: Any) -> Fields:
    """[{name, value}, ..]; HubSpot's own names become ours, several values are parted by semicolons."""
    if not isinstance(found, list) or len(found) > MOST_FIELDS:
        raise BadBody(400)
    fields = Fields()
    for each in found:
        name, value = (each.get("name"), each.get("value")) if isinstance(each, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(value, (str, int, float)) or "\x00" in f"{name}{value}":
            raise BadBody(400)
        key = NAMES.get(name, name)
        if "-" not in key:  # names with a hyphen are ours: the boxes
            for part in str(value)[:10_000].split(";"):
                fields.appendlist(key, part)
    return fields


def _object(found: Any) -> Json:
    return found if isinstance(found, dict) else {}


def _consents(found: Any, shown: Shown) -> tuple[Fields, dict[str, str]]:
    """The boxes that were ticked, and the words beside them as the site showed them."""
    fields, labels = Fields(), {}
    consent = _object(_object(found).get("consent"))
    text = consent.get("text")
    if consent.get("consentToProcess") is True and isinstance(text, str) and text.strip():
        fields[POLICY] = "on"
        labels[""] = text.strip()[:10_000]
    subscriptions = shown.form.body.get("subscriptions", {})
    said = consent.get("communications")
    for each in said if isinstance(said, list) else []:
        purpose = subscriptions.get(str(each.get("subscriptionTypeId"))) if isinstance(each, dict) else None
        found_purpose = next((p for p in shown.purposes if p.key == purpose), None)
        words = each.get("text") if isinstance(each, dict) else None
        if found_purpose and each.get("value") is True and isinstance(words, str) and words.strip():
            fields[purpose_name(found_purpose)] = "on"
            labels[found_purpose.key] = words.strip()[:10_000]
    return fields, labels


def _facts(request: HttpRequest, context: Json, labels: dict[str, str], *, is_secure: bool) -> RequestFacts:
    page, origin = one_line(str(context.get("pageUri", "")), MAX_URL), origin_of(request)
    if origin and origin_of_url(page) != origin:
        page = origin
    query = QueryDict(page.partition("?")[2][:MAX_URL]) if "?" in page else QueryDict()
    told = one_line(str(context.get("ipAddress", "")), 45)
    return RequestFacts(
        page_url=page,
        ip=told if is_secure else ip_of(request),
        user_agent=user_agent_of(request),
        campaign=campaign_of(query),
        rendered_html_sha256=sha256("\n".join(labels.values())),
        via="hubspot",
        labels=labels,
    )


def _problem(status: int, kind: str, message: str) -> HttpResponse:
    body = {"status": "error", "message": message, "errors": [{"message": message, "errorType": kind}]}
    return JsonResponse(body, status=status)
