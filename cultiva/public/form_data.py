"""Forms for scripts and programs: the JSON beside the page. No cookie is set or read; origins are on the form's list.

`GET` gives what is to be asked, and a render token; `POST` takes answers, as JSON or as a browser posts them.
"""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from cultiva.accounts.actions import find_workspace
from cultiva.accounts.api_keys import use_api_key
from cultiva.accounts.models import Workspace
from cultiva.capture.actions import Outcome, RequestFacts
from cultiva.capture.drawing import (
    CAME_FROM,
    bind,
    consent_digest,
    download_path,
    draw_form,
    draw_thanks,
    redirect_of,
)
from cultiva.capture.figures import count_view
from cultiva.capture.forms import (
    BY_VISITOR,
    TOKEN,
    CaptureForm,
    Person,
    Shown,
    make_static_token,
    read_token,
    renew,
    show_form,
)
from cultiva.capture.guarding import LIMITS
from cultiva.capture.holding import take_submission
from cultiva.capture.models import FormVersion
from cultiva.events.actions import visitor_of
from cultiva.events.sources import find_source
from cultiva.leads.models import VisitorLink
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.lib.signing import BadLink, ExpiredLink
from cultiva.public.bodies import BadBody, Posted, fields_of, read_json, read_posted
from cultiva.public.element_trees import tree_of
from cultiva.public.form_origins import is_own, let_read, may_send, origin_of, origin_of_url
from cultiva.public.form_pages import REFERRAL, find_static
from cultiva.public.pages import wanted_language
from cultiva.public.visits import MAX_URL, actor_of, campaign_of, ip_of, one_line, user_agent_of

Json = dict[str, Any]

PAGE_URL = "page-url"
LEADS = "leads:write"


@csrf_exempt
@require_http_methods(["GET", "POST", "OPTIONS"])
def form_data(request: HttpRequest, workspace: str, key: str) -> HttpResponse:
    at = clock.now()
    found = find_workspace(workspace)
    form = None
    if found:
        with workspace_scope(found.id):
            form = FormVersion.current(found.id, key)
    if request.method == "OPTIONS":
        return let_read(HttpResponse(status=204), request, form)
    if found is None or form is None:
        return _problem(404, "not_found", "There is no such form.")
    answer = _give if request.method == "GET" else _take
    response = answer(request, found, form, at)
    response["Cache-Control"] = "no-store"
    return let_read(response, request, form)


def _give(request: HttpRequest, workspace: Workspace, form: FormVersion, at: datetime) -> HttpResponse:
    if not may_send(request, form, is_ours=True):
        return _problem(403, "foreign_origin", "This site is not among the form's origins.")
    with workspace_scope(form.workspace_id):
        person = _visitor(request, form.workspace_id)
        languages = [wanted_language(request, workspace.language), workspace.language]
        shown = show_form(workspace_id=form.workspace_id, key=form.key, languages=languages, at=at, person=person)
    if shown is None:
        return _problem(404, "not_found", "There is no such form.")
    if actor_of(request, at) != "machine":
        count_view(workspace_id=form.workspace_id, key=form.key, at=at)
    if request.GET.get("draw"):
        return JsonResponse({"tree": tree_of(draw_form(shown, workspace.slug, bind(shown)))})
    return JsonResponse(_description(shown))


def _visitor(request: HttpRequest, workspace_id: int) -> Person | None:
    """Who the tracking script knows: a page whose visitor consented says the id that they have there, and its key."""
    anonymous_id, key = request.GET.get("visitor", "")[:200], request.GET.get("key", "")[:200]
    source = find_source(key) if anonymous_id and key else None
    if source is None or source.workspace_id != workspace_id:
        return None
    visitor = visitor_of(workspace_id=workspace_id, source_id=source.id, anonymous_id=anonymous_id)
    link = VisitorLink.objects.filter(workspace_id=workspace_id, visitor=visitor).first()
    return Person.find(workspace_id=workspace_id, lead_id=link.lead_id, proof=BY_VISITOR) if link else None


def _description(shown: Shown) -> Json:
    """What a program needs to draw the form itself. Who draws it another way shows other words: then it says so by
    the static token of what it shows."""
    form = bind(shown)
    return {
        "form": shown.form.key,
        "version": shown.form.version,
        "language": shown.language,
        "token": shown.token,
        "static_token": make_static_token(shown),
        "title": shown.texts["title"],
        "button": shown.texts["button"],
        "fields": [
            {name: value for name, value in each.items() if name in ("key", "kind", "required", "settings", "when")}
            | {"label": each["label"].get(shown.language, "")}
            for each in form.asked
        ],
        "policy": {"key": shown.policy.key, "version": shown.policy.version},
        "first_layer": shown.notice["first_layer"],
        "boxes": [
            {"name": box.html_name, "label": str(box.label), "required": box.field.required}
            for box in (form.policy_box, *form.purpose_boxes)
        ],
    }  # fmt: skip


def _take(request: HttpRequest, place: Workspace, form: FormVersion, at: datetime) -> HttpResponse:
    workspace = place.slug
    try:
        posted, more = _read(request)
    except BadBody as bad:
        return _problem(bad.status, "unreadable", "The body is too large, or not what it says it is.")
    token = posted.fields.get(TOKEN, "")
    try:
        shown = read_token(workspace=workspace, key=form.key, token=token, at=at)
    except (BadLink, ExpiredLink):
        found = find_static(workspace, form.key, token)
        if found is None:
            return _problem(422, "stale_token", "The token is missing, too old, or of another form.")
        shown = found[0]
    is_program = has_key(request, form.workspace_id, at)
    # A token alone does not open it: a program without an origin shows its key.
    if not is_program and not (origin_of(request) and may_send(request, form, is_ours=False)):
        return _problem(403, "foreign_origin", "This site is not among the form's origins, and no API key was given.")
    bound = bind(shown, posted)
    if not bound.is_valid():
        return _invalid(request, workspace, shown, bound, at)
    if not is_program and (wait := LIMITS.take(ip_of(request), f"{workspace}/{form.key}")):
        again = shown if shown.token else renew(shown, at)
        response = _problem(429, "too_many", "Too much was sent from this connection. Try again later.")
        if request.GET.get("draw"):
            tree = tree_of(draw_form(again, workspace, bound, wait_seconds=wait))
            response = JsonResponse({"error": {"code": "too_many"}, "tree": tree}, status=429)
        response["Retry-After"] = str(wait)
        return response
    outcome = take_submission(
        workspace_id=form.workspace_id,
        form=shown,
        cleaned=bound.cleaned_data,
        posted=dict(posted.fields.lists()),
        request_facts=_facts(request, shown, workspace, posted, more, is_program=is_program),
        token=token,
        at=at,
    )
    return JsonResponse(_answer(request, shown, outcome, at, is_mailed=bool(bound.cleaned_data.get("email"))))


def _read(request: HttpRequest) -> tuple[Posted, Json]:
    """What was posted, and what a program says beside it: {page_url, referrer, ip, user_agent}."""
    if request.content_type != "application/json":
        return read_posted(request), {}
    found = read_json(request)
    fields = fields_of(found.get("fields", {}))
    for name, key in ((TOKEN, "token"), (PAGE_URL, "page_url"), (CAME_FROM, "referrer")):
        if isinstance(found.get(key), str):
            fields[name] = str(found[key])[:MAX_URL]
    return Posted(fields), {name: found[name] for name in ("ip", "user_agent") if isinstance(found.get(name), str)}


def has_key(request: HttpRequest, workspace_id: int, at: datetime) -> bool:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    caller = use_api_key(secret.strip(), real_now=at) if scheme.lower() == "bearer" and secret else None
    return bool(caller and caller.workspace_id == workspace_id and caller.may(LEADS))


def _facts(
    request: HttpRequest, shown: Shown, workspace: str, posted: Posted, more: Json, *, is_program: bool
) -> RequestFacts:
    """Where a browser posts, its page is one of the origin that it comes from, whatever the page says of itself."""
    origin, page = origin_of(request), one_line(posted.fields.get(PAGE_URL, ""), MAX_URL)
    if origin and not is_own(request, origin) and origin_of_url(page) != origin:
        page = origin
    query = QueryDict(page.partition("?")[2].partition("#")[0][:MAX_URL]) if "?" in page else QueryDict()
    return RequestFacts(
        page_url=page,
        referrer=one_line(posted.fields.get(CAME_FROM, ""), MAX_URL),
        ip=one_line(str(more.get("ip", "")), 45) if is_program else ip_of(request),
        user_agent=one_line(str(more.get("user_agent", "")), 512) if is_program else user_agent_of(request),
        campaign=campaign_of(query),
        rendered_html_sha256=consent_digest(shown, workspace),
        via="api" if is_program else "embed",
        referral=query.get(REFERRAL, "")[:MAX_URL],
    )


def _answer(request: HttpRequest, shown: Shown, outcome: Outcome, at: datetime, *, is_mailed: bool) -> Json:
    form = shown.form
    with override(shown.language):
        download = download_path(form, outcome, at)
        redirect = redirect_of(form, shown.language) or (download if form.body.get("then") == "download" else "")
    answer: Json = {"ok": True, "thanks": shown.texts["thanks"]}
    if redirect:
        answer["redirect"] = request.build_absolute_uri(redirect)
    if download:
        answer["download"] = request.build_absolute_uri(download)
    if request.GET.get("draw"):
        answer["tree"] = tree_of(draw_thanks(form, outcome, shown.language, is_mailed=is_mailed, at=at))
    return answer


def _invalid(request: HttpRequest, workspace: str, shown: Shown, bound: CaptureForm, at: datetime) -> HttpResponse:
    fields = {name: str(errors[0]) for name, errors in bound.errors.items()}
    body: Json = {"error": {"code": "invalid", "message": "Some answers are missing or wrong.", "fields": fields}}
    if request.GET.get("draw"):
        body["tree"] = tree_of(draw_form(shown if shown.token else renew(shown, at), workspace, bound))
    return JsonResponse(body, status=422)


def _problem(status: int, code: str, message: str) -> HttpResponse:
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)
