"""The page of a form, what is posted to it, its thanks, and the policy behind it."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from cultiva.accounts.actions import find_workspace
from cultiva.accounts.models import Workspace
from cultiva.capture.actions import Outcome, RequestFacts, read_outcome, submit_form
from cultiva.capture.forms import (
    LANGUAGE_CODES,
    MIN_FILL,
    TOKEN,
    CaptureForm,
    Shown,
    make_token,
    read_token,
    show_form,
)
from cultiva.capture.models import FormVersion
from cultiva.consent.models import PolicyVersion
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.lib.markdown import markdown
from cultiva.lib.signing import BadLink, ExpiredLink, sign_until, unsign_until
from cultiva.magnets.actions import DOWNLOAD_LIFE, download_link
from cultiva.magnets.models import MagnetVersion
from cultiva.public.bodies import BadBody, read_fields
from cultiva.public.pages import answer, browser_language, language_links, message, wanted_language
from cultiva.public.visits import MAX_URL, campaign_of, ip_of, one_line, page_url, user_agent_of

CAME_FROM = "came-from"  # the page that led to the form, carried from GET to POST
THANKS_LIFE = timedelta(days=1)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def form_page(request: HttpRequest, workspace: str, key: str) -> HttpResponse:
    if request.method == "POST":
        return _take(request, workspace, key, clock.now())
    shown = _show(request, workspace, key, clock.now())
    return _draw(request, shown, _bind(shown)) if shown else _not_found(request)


@require_safe
def thanks_page(request: HttpRequest, workspace: str, key: str, token: str) -> HttpResponse:
    """What to do next, and the magnet's button. A token we did not believe gets the same page."""
    at = clock.now()
    try:
        workspace_id, form_id, submission_id, place = unsign_until("thanks", token, at)
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
        return answer(
            "thanks",
            language=language,
            workspace=found,
            thanks=markdown.render(form.body["languages"][language]["thanks"]),
            magnet=_magnet_title(form, language),
            download=_download_path(form, outcome, at),
        )


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


def _show(request: HttpRequest, workspace: str, key: str, at: datetime) -> Shown | None:
    found = find_workspace(workspace)
    if found is None:
        return None
    wanted = [wanted_language(request, found.language), found.language]
    with workspace_scope(found.id):
        return show_form(workspace_id=found.id, key=key, languages=wanted, at=at)


def _take(request: HttpRequest, workspace: str, key: str, at: datetime) -> HttpResponse:
    try:
        fields = read_fields(request)
    except BadBody as bad:
        return message("unreadable", language=browser_language(request), status=bad.status)
    token = fields.get(TOKEN, "")
    try:
        shown = read_token(workspace=workspace, key=key, token=token, at=at)
    except (BadLink, ExpiredLink):
        return _show_again(request, workspace, key, fields, at)
    form = _bind(shown, fields)
    if not form.is_valid():
        return _draw(request, shown, form, fields, status=422)
    outcome = submit_form(
        workspace_id=shown.form.workspace_id,
        form=shown,
        cleaned=form.cleaned_data,
        request_facts=_facts(request, shown, workspace, fields),
        token=token,
        at=at,
    )
    return HttpResponseRedirect(_thanks_path(workspace, shown, outcome, at), status=303)


def _show_again(request: HttpRequest, workspace: str, key: str, fields: dict[str, str], at: datetime) -> HttpResponse:
    """The page was open for too long, or its token did not arrive: the same answers with a new token.

    Its time to fill in counts as passed: the person only has to press the button again.
    """
    shown = _show(request, workspace, key, at)
    if shown is None:
        return _not_found(request)
    issued_at = at - MIN_FILL
    token = make_token(shown.form, shown.policy, shown.purposes, shown.language, issued_at)
    shown = replace(shown, issued_at=issued_at, token=token)
    return _draw(request, shown, _bind(shown, fields), fields, status=422, is_stale=True)


def _bind(shown: Shown, fields: dict[str, str] | None = None) -> CaptureForm:
    """The form with its labels and errors in the language shown."""
    with translation.override(shown.language):
        form = CaptureForm(shown, fields)
        form.is_valid()
    return form


def _draw(
    request: HttpRequest,
    shown: Shown,
    form: CaptureForm,
    fields: dict[str, str] | None = None,
    *,
    status: int = 200,
    is_stale: bool = False,
) -> HttpResponse:
    with workspace_scope(shown.form.workspace_id):
        workspace = Workspace.objects.get(id=shown.form.workspace_id)
        magnet = _magnet_title(shown.form, shown.language)
    came_from = fields.get(CAME_FROM, "") if fields else request.headers.get("Referer", "")
    return answer(
        "form",
        language=shown.language,
        workspace=workspace,
        status=status,
        is_personal=False,
        shown=shown,
        form=form,
        intro=markdown.render(shown.texts.get("intro", "")),
        consent=draw_consent(shown, workspace.slug, form),
        hidden={TOKEN: shown.token, CAME_FROM: one_line(came_from, MAX_URL)},
        magnet=magnet,
        other_languages=language_links(request, shown.languages, shown.language),
        is_stale=is_stale,
    )


def draw_consent(shown: Shown, workspace: str, form: CaptureForm) -> str:
    """The first layer of the notice and the boxes; what a person sees of it on arrival is hashed into the evidence."""
    with translation.override(shown.language):
        return render_to_string("public/_consent.html", {"workspace_slug": workspace, "shown": shown, "form": form})


def _facts(request: HttpRequest, shown: Shown, workspace: str, fields: dict[str, str]) -> RequestFacts:
    return RequestFacts(
        page_url=page_url(request),
        referrer=one_line(fields.get(CAME_FROM, ""), MAX_URL),
        ip=ip_of(request),
        user_agent=user_agent_of(request),
        campaign=campaign_of(request),
        rendered_html_sha256=_consent_digest(shown, workspace),
    )


_digests: dict[tuple[object, ...], str] = {}  # versions never change, so neither does what is drawn of them


def _consent_digest(shown: Shown, workspace: str) -> str:
    versions = (shown.form.id, shown.policy.id, *(purpose.id for purpose in shown.purposes), shown.language)
    if versions not in _digests:
        drawn = draw_consent(shown, workspace, _bind(shown))
        _digests[versions] = hashlib.sha256(drawn.encode()).hexdigest()
    return _digests[versions]


def _thanks_path(workspace: str, shown: Shown, outcome: Outcome, at: datetime) -> str:
    place = LANGUAGE_CODES.index(shown.language)
    parts = (shown.form.workspace_id, shown.form.id, outcome.submission_id or 0, place)
    token = sign_until("thanks", at + THANKS_LIFE, *parts)
    return reverse("public:thanks", args=[workspace, shown.form.key, token])


def _download_path(form: FormVersion, outcome: Outcome, at: datetime) -> str:
    """The magnet's link. Who was not believed gets one that leads nowhere: the page must not tell."""
    if not form.body["magnet"]:
        return ""
    if outcome.grant:
        return download_link(outcome.grant, at)
    return f"/d/{sign_until('download', at + DOWNLOAD_LIFE, form.workspace_id, 0)}"


def _magnet_title(form: FormVersion, language: str) -> str:
    magnet = form.body["magnet"]
    version = MagnetVersion.current(form.workspace_id, magnet) if magnet else None
    if version is None:
        return ""
    titles = version.body["title"]
    return str(titles.get(language) or next(iter(titles.values())))


def _choose(request: HttpRequest, workspace: Workspace, languages: list[str]) -> str:
    wanted = wanted_language(request, workspace.language)
    return wanted if wanted in languages else languages[0]


def _not_found(request: HttpRequest) -> HttpResponse:
    return message("not_found", language=browser_language(request), status=404)
