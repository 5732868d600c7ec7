"""The page of a form, what is posted to it, its thanks, and the policy behind it."""

from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cultiva.accounts.actions import find_workspace
from cultiva.accounts.models import Workspace
from cultiva.capture.actions import Outcome, RequestFacts, read_outcome
from cultiva.capture.drawing import (
    CAME_FROM,
    bind,
    consent_digest,
    download_path,
    draw_form,
    draw_thanks,
    magnet_title,
    redirect_of,
)
from cultiva.capture.figures import count_start, count_view
from cultiva.capture.forms import (
    LANGUAGE_CODES,
    TOKEN,
    CaptureForm,
    Shown,
    read_personal_token,
    read_static_token,
    read_token,
    renew,
    show_form,
)
from cultiva.capture.guarding import LIMITS
from cultiva.capture.holding import take_submission
from cultiva.capture.models import FormVersion, PageVersion
from cultiva.consent.models import PolicyVersion
from cultiva.consent.notices import KEY
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.lib.markdown import markdown
from cultiva.lib.signing import BadLink, ExpiredLink, sign_until, unsign_until
from cultiva.public.bodies import BadBody, Posted, read_posted
from cultiva.public.form_origins import allowed_origins, is_own, may_send, origin_of, origin_of_url
from cultiva.public.pages import answer, browser_language, language_links, message, wanted_language
from cultiva.public.visits import MAX_URL, actor_of, campaign_of, ip_of, one_line, page_url, user_agent_of

THANKS_LIFE = timedelta(days=1)
PERSON = "for"  # the parameter of a personal link
LANDING_PAGE = "landing-page"  # the page on which a form stood, by its key
REFERRAL = "ref"  # the parameter of a link that somebody passed on


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def form_page(request: HttpRequest, workspace: str, key: str) -> HttpResponse:
    at = clock.now()
    if request.method == "POST":
        return _take(request, workspace, key, at)
    shown = show(request, workspace, key, at)
    if shown is None:
        return _not_found(request)
    if request.method == "GET" and actor_of(request, at) != "machine":
        count_view(workspace_id=shown.form.workspace_id, key=key, at=at)
    parameters = {name: one_line(str(value), 200) for name, value in request.GET.items()}
    return _draw(request, shown, bind(shown, parameters=parameters))


@csrf_exempt
@require_POST
def form_started(request: HttpRequest, workspace: str, key: str) -> HttpResponse:
    """A browser says that somebody began to fill it in; the render token says that we showed it."""
    at = clock.now()
    try:
        fields = read_posted(request).fields
        shown = read_token(workspace=workspace, key=key, token=fields.get(TOKEN, ""), at=at)
    except (BadBody, BadLink, ExpiredLink):
        return HttpResponse(status=204)
    count_start(workspace_id=shown.form.workspace_id, key=key, at=at)
    return HttpResponse(status=204)


@require_safe
def thanks_page(request: HttpRequest, workspace: str, key: str, token: str) -> HttpResponse:
    """What to do next, and the magnet's button. A token we did not believe gets the same page."""
    at = clock.now()
    try:
        workspace_id, form_id, submission_id, place, is_mailed = unsign_until("thanks", token, at)
    except BadLink:
        return _not_found(request)
    except ExpiredLink:
        return HttpResponseRedirect(reverse("public:form", args=[workspace, key]))
    found = find_workspace(workspace)
    if found is None or found.id != workspace_id:
        return _not_found(request)
    with workspace_scope(workspace_id):
        form = FormVersion.objects.filter(workspace_id=workspace_id, id=form_id, key=key).first()
        if form is None:
            return _not_found(request)
        outcome = read_outcome(workspace_id=workspace_id, submission_id=submission_id)
        language = LANGUAGE_CODES[place]
        said = draw_thanks(form, outcome, language, is_mailed=bool(is_mailed), at=at)
        here = settings.PUBLIC_URL + reverse("public:form", args=[workspace, key])
        return answer("thanks", language=language, workspace=found, said=said, is_mailed=is_mailed, shared=here)


@require_safe
def policy_page(request: HttpRequest, workspace: str, key: str, version: int) -> HttpResponse:
    """The second layer: one published version, which never changes."""
    found = find_workspace(workspace)
    if found is None or version > 2**31 - 1:
        return _not_found(request)
    with workspace_scope(found.id):
        policy = PolicyVersion.objects.filter(workspace_id=found.id, key=key, version=version).first()
    if policy is None:
        return _not_found(request)
    languages = list(policy.body["languages"])
    language = _choose(request, found, languages)
    notice = policy.body["languages"][language]
    return answer(
        "policy",
        language=language,
        workspace=found,
        is_personal=False,
        policy=policy,
        controller=policy.body["controller"],
        notice=notice,
        text=markdown.render(notice["text"]),
        other_languages=language_links(request, languages, language),
    )


def show(request: HttpRequest, workspace: str, key: str, at: datetime) -> Shown | None:
    found = find_workspace(workspace)
    if found is None:
        return None
    wanted = [wanted_language(request, found.language), found.language]
    with workspace_scope(found.id):
        person = None
        if token := request.GET.get(PERSON):
            person = read_personal_token(workspace_id=found.id, token=token, at=at)
        return show_form(workspace_id=found.id, key=key, languages=wanted, at=at, person=person)


def _take(request: HttpRequest, workspace: str, key: str, at: datetime) -> HttpResponse:
    """A page of ours, or one of somebody's own that says with a static token what it shows."""
    try:
        posted = read_posted(request)
    except BadBody as bad:
        return message("unreadable", language=browser_language(request), status=bad.status)
    token = posted.fields.get(TOKEN, "")
    try:
        shown = read_token(workspace=workspace, key=key, token=token, at=at)
        allowed_by = shown.form
    except (BadLink, ExpiredLink):
        found = find_static(workspace, key, token)
        if found is None:
            return _show_again(request, workspace, key, posted, at)
        shown, allowed_by = found
    if not may_send(request, allowed_by, is_ours=bool(shown.token)):
        return message("foreign", language=shown.language, status=403)
    form = bind(shown, posted)
    if not form.is_valid():
        return _draw(request, _renewed(shown, at), form, posted, status=422)
    if wait := LIMITS.take(ip_of(request), f"{workspace}/{key}"):
        response = _draw(request, _renewed(shown, at), form, posted, status=429, wait_seconds=wait)
        response["Retry-After"] = str(wait)
        return response
    outcome = take_submission(
        workspace_id=shown.form.workspace_id,
        form=shown,
        cleaned=form.cleaned_data,
        posted=dict(posted.fields.lists()),
        request_facts=facts_of(request, shown, workspace, posted),
        token=token,
        at=at,
    )
    is_mailed = bool(form.cleaned_data.get("email"))
    return HttpResponseRedirect(next_path(workspace, shown, outcome, at, is_mailed=is_mailed), status=303)


def find_static(workspace: str, key: str, token: str) -> tuple[Shown, FormVersion] | None:
    """What a static token shows, and the version in force, whose origins count; None where there is none."""
    try:
        shown = read_static_token(workspace=workspace, key=key, token=token)
    except BadLink:
        return None
    with workspace_scope(shown.form.workspace_id):
        current = FormVersion.current(shown.form.workspace_id, key)
    return (shown, current) if current else None


def _renewed(shown: Shown, at: datetime) -> Shown:
    """What is shown again after a static post is a page of ours."""
    return shown if shown.token else renew(shown, at)


def _show_again(request: HttpRequest, workspace: str, key: str, posted: Posted, at: datetime) -> HttpResponse:
    """The page was open for too long, or its token did not arrive: the same answers with a new token.

    Its time to fill in counts as passed: the person only has to press the button again.
    """
    shown = show(request, workspace, key, at)
    if shown is None:
        return _not_found(request)
    shown = renew(shown, at)
    return _draw(request, shown, bind(shown, posted), posted, status=422, is_stale=True)


def _draw(
    request: HttpRequest,
    shown: Shown,
    form: CaptureForm,
    posted: Posted | None = None,
    *,
    status: int = 200,
    is_stale: bool = False,
    wait_seconds: int = 0,
) -> HttpResponse:
    with workspace_scope(shown.form.workspace_id):
        workspace = Workspace.objects.get(id=shown.form.workspace_id)
        magnet = magnet_title(shown.form, shown.language)
    came_from = posted.fields.get(CAME_FROM, "") if posted else request.headers.get("Referer", "")
    hidden = {CAME_FROM: one_line(came_from, MAX_URL)}
    if posted and (landing_page := landing_page_of(shown, posted)):
        hidden[LANDING_PAGE] = landing_page
    response = answer(
        "form",
        language=shown.language,
        workspace=workspace,
        status=status,
        is_personal=shown.person is not None,
        shown=shown,
        intro=markdown.render(shown.texts.get("intro", "")),
        card=draw_form(shown, workspace.slug, form, hidden=hidden, is_stale=is_stale, wait_seconds=wait_seconds),
        magnet=magnet,
        other_languages=language_links(request, shown.languages, shown.language),
    )
    # With `no-referrer` a browser would not say from where the form is sent.
    response["Referrer-Policy"] = "same-origin"
    return _frameable(response, shown)


def _frameable(response: HttpResponse, shown: Shown) -> HttpResponse:
    """Sites that may send the form may frame it. A browser follows a form's redirect only where the page allows it."""
    policy: dict[str, list[str]] = {}
    if origins := allowed_origins(shown.form):
        policy["frame-ancestors"] = origins
        response.xframe_options_exempt = True  # what Django's middleware looks for
    if target := redirect_of(shown.form, shown.language):
        policy["form-action"] = ["'self'", origin_of_url(target)]
    if policy:
        response._csp_replace = policy  # type: ignore[attr-defined]  # as csp_replace does, for one answer
    return response


def facts_of(request: HttpRequest, shown: Shown, workspace: str, posted: Posted) -> RequestFacts:
    is_foreign = bool(origin_of(request)) and not is_own(request, origin_of(request))
    landing_page = landing_page_of(shown, posted)
    referrer = one_line(request.headers.get("Referer", ""), MAX_URL)
    return RequestFacts(
        page_url=referrer if is_foreign or (landing_page and referrer) else page_url(request),
        referrer=one_line(posted.fields.get(CAME_FROM, ""), MAX_URL),
        ip=ip_of(request),
        user_agent=user_agent_of(request),
        campaign=campaign_of(request.GET),
        rendered_html_sha256=consent_digest(shown, workspace),
        via="page" if shown.token else "post",
        landing_page=landing_page,
        referral=one_line(request.GET.get(REFERRAL, ""), MAX_URL),
    )


def landing_page_of(shown: Shown, posted: Posted) -> str:
    """The key of a page in force, or nothing: what else somebody may write there is dropped."""
    key = posted.fields.get(LANDING_PAGE, "")
    if not KEY.fullmatch(key):
        return ""
    with workspace_scope(shown.form.workspace_id):
        return key if PageVersion.current(shown.form.workspace_id, key) else ""


def next_path(workspace: str, shown: Shown, outcome: Outcome, at: datetime, *, is_mailed: bool) -> str:
    """Where the person goes from here."""
    if redirect := redirect_of(shown.form, shown.language):
        return redirect
    if shown.form.body.get("then") == "download":
        return download_path(shown.form, outcome, at)
    place = LANGUAGE_CODES.index(shown.language)
    parts = (shown.form.workspace_id, shown.form.id, outcome.submission_id or 0, place, int(is_mailed))
    token = sign_until("thanks", at + THANKS_LIFE, *parts)
    return reverse("public:thanks", args=[workspace, shown.form.key, token])


def _choose(request: HttpRequest, workspace: Workspace, languages: list[str]) -> str:
    wanted = wanted_language(request, workspace.language)
    return wanted if wanted in languages else languages[0]


def _not_found(request: HttpRequest) -> HttpResponse:
    return message("not_found", language=browser_language(request), status=404)
