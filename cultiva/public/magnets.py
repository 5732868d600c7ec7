"""Magnets as visitors see them: what a link gives, the pages with buttons, the library, links that are passed on.

Scanners open every link, so a GET changes nothing: it may append an event.
"""

from collections.abc import Mapping
from datetime import datetime

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import translation
from django.utils.http import content_disposition_header
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from cultiva.accounts.actions import find_workspace
from cultiva.accounts.models import Workspace
from cultiva.capture.actions import form_offering, forms_by_magnet
from cultiva.leads.models import Lead
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.lib.plugins import plugin
from cultiva.lib.signing import BadLink
from cultiva.magnets.actions import (
    ExpiredDownload,
    act_on,
    find_grant,
    kind_of,
    take_download,
)
from cultiva.magnets.kinds import CannotAct, Delivery, Page, Redirect
from cultiva.magnets.kinds.video import Video
from cultiva.magnets.models import Grant, MagnetFile, MagnetVersion, WebinarSession
from cultiva.magnets.referrals import find_referral, note_visit
from cultiva.magnets.webinars import calendar_file
from cultiva.public.bodies import BadBody, read_posted
from cultiva.public.form_pages import REFERRAL
from cultiva.public.pages import LANGUAGE_CODES, answer, browser_language, language_links, message, wanted_language
from cultiva.public.visits import actor_of

ACT = "act"  # the name of the buttons of a magnet's page
A_DAY = 86_400


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def download(request: HttpRequest, token: str) -> HttpResponse:
    """What the link gives. POST is a button of its page: a code is used, a seat taken, a quarter of a video seen."""
    at = clock.now()
    try:
        if request.method == "POST":
            return _act(request, token, at)
        delivery = take_download(token=token, at=at, actor=actor_of(request, at))
        return _give(request, delivery, find_grant(token=token, at=at), token)
    except ExpiredDownload as expired:
        return _expired(request, expired)
    except BadLink:
        return _bad_link(request)


def _act(request: HttpRequest, token: str, at: datetime) -> HttpResponse:
    grant = find_grant(token=token, at=at)
    try:
        fields = read_posted(request).fields
    except BadBody as bad:
        return message("unreadable", language=browser_language(request), status=bad.status)
    with translation.override(_language(request, grant)):
        try:
            act_on(token=token, act=fields.get(ACT, ""), fields=fields, at=at)
        except CannotAct as error:
            delivery = take_download(token=token, at=at, actor="unknown")
            return _give(request, delivery, grant, token, problem=error.problem, status=409)
    if fields.get("quietly"):
        return HttpResponse(status=204)
    language = request.GET.get("lang", "")
    query = f"?lang={language}" if language in LANGUAGE_CODES else ""
    return HttpResponseRedirect(reverse("public:download", args=[token]) + query, status=303)


def _give(
    request: HttpRequest, delivery: Delivery | Redirect | Page, grant: Grant, token: str, *, problem: str = "",
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    if isinstance(delivery, Page):
        return _page(request, delivery, grant, token, problem, status)
    response: HttpResponse
    if isinstance(delivery, Redirect):
        response = HttpResponseRedirect(delivery.address)
    else:
        response = HttpResponse(delivery.content, content_type=delivery.content_type)
        response["Content-Disposition"] = content_disposition_header(True, delivery.name) or "attachment"
    response["X-Robots-Tag"] = "noindex"
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _page(
    request: HttpRequest, page: Page, grant: Grant, token: str, problem: str, status: int
) -> HttpResponse:  # fmt: skip
    with workspace_scope(grant.workspace_id):
        workspace = Workspace.objects.get(id=grant.workspace_id)
        version = MagnetVersion.current(grant.workspace_id, grant.magnet)
    if version is None:
        return _bad_link(request)
    language = _language(request, grant)
    response = answer(
        page.template.removeprefix("public/").removesuffix(".html"),
        language=language, workspace=workspace, status=status, problem=problem, token=token,
        title=in_language(version.body["title"], language), intro=in_language(version.body.get("intro", {}), language),
        other_languages=language_links(request, LANGUAGE_CODES, language), **page.values,
    )  # fmt: skip
    return _playing(response, page)


def _playing(response: HttpResponse, page: Page) -> HttpResponse:
    if page.media:
        response._csp_update = {"media-src": list(page.media)}  # type: ignore[attr-defined]  # as csp_update does
    return response


def _language(request: HttpRequest, grant: Grant) -> str:
    with workspace_scope(grant.workspace_id):
        workspace = Workspace.objects.get(id=grant.workspace_id)
        known = Lead.objects.filter(workspace_id=grant.workspace_id, id=grant.lead_id).values_list(
            "language", flat=True
        )
        return wanted_language(request, known.first() or workspace.language)


def in_language(texts: Mapping[str, str], language: str) -> str:
    return texts.get(language) or next(iter(texts.values()), "")


@require_safe
def session_calendar(request: HttpRequest, token: str, session_id: int) -> HttpResponse:
    """A date of the webinar that the link gives, for the reader's own calendar."""
    at = clock.now()
    try:
        grant = find_grant(token=token, at=at)
    except (BadLink, ExpiredDownload):
        return _bad_link(request)
    with workspace_scope(grant.workspace_id):
        sessions = WebinarSession.objects.filter(workspace_id=grant.workspace_id, magnet=grant.magnet)
        session = sessions.filter(id=session_id).first() if session_id < 2**63 else None
        version = MagnetVersion.current(grant.workspace_id, grant.magnet)
    if session is None or version is None:
        return _bad_link(request)
    language = _language(request, grant)
    title, about = (in_language(version.body.get(part, {}), language) for part in ("title", "intro"))
    response = HttpResponse(calendar_file(session, title, about, at), content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="webinar.ics"'
    response["Cache-Control"] = "no-store"
    return response


@require_safe
def library(request: HttpRequest, workspace: str) -> HttpResponse:
    """All magnets that say `library: true` and that a form gives."""
    found = find_workspace(workspace)
    if found is None:
        return _not_found(request)
    language = wanted_language(request, found.language)
    with workspace_scope(found.id):
        forms = forms_by_magnet(workspace_id=found.id)
        offers = [each for each in MagnetVersion.currents(found.id) if each.body.get("library") and each.key in forms]
    shown = [
        {
            "title": in_language(each.body["title"], language),
            "intro": in_language(each.body.get("intro", {}), language),
            "kind": plugin("kinds", each.body["kind"]).label,
            "cover": each.body["settings"].get("cover", "")[:16],
            "key": each.key,
            "form": forms[each.key],
            "has_own_page": plugin("kinds", each.body["kind"]).has_own_page,
        }
        for each in offers
    ]
    return answer(
        "library", language=language, workspace=found, is_personal=False, offers=shown,
        other_languages=language_links(request, LANGUAGE_CODES, language),
    )  # fmt: skip


@require_safe
def cover(request: HttpRequest, workspace: str, key: str, digest: str) -> HttpResponse:
    """The picture of a magnet in force; its address changes with it, so that it may be kept."""
    found, version = _magnet(workspace, key)
    name = version.body["settings"].get("cover", "") if version else ""
    if found is None or not name or not name.startswith(digest):
        return _not_found(request)
    with workspace_scope(found.id):
        file = MagnetFile.objects.get(workspace_id=found.id, sha256=name)
    response = HttpResponse(bytes(file.content), content_type=file.content_type)
    response["Cache-Control"] = f"public, max-age={A_DAY}, immutable"
    return response


@require_safe
def watch(request: HttpRequest, workspace: str, key: str) -> HttpResponse:
    """A video that begins before the form comes."""
    found, version = _magnet(workspace, key)
    if found is None or version is None or version.body["kind"] != Video.kind:
        return _not_found(request)
    kind = kind_of(version)
    with workspace_scope(found.id):
        form = form_offering(workspace_id=found.id, magnet=key)
    if form is None or not isinstance(kind, Video):
        return _not_found(request)
    language, page = wanted_language(request, found.language), kind.preview()
    address = reverse("public:form", args=[workspace, form.key])
    response = answer(
        "magnet_watch", language=language, workspace=found, is_personal=False, form=f"{address}?lang={language}",
        title=in_language(version.body["title"], language), intro=in_language(version.body.get("intro", {}), language),
        other_languages=language_links(request, LANGUAGE_CODES, language), **page.values,
    )  # fmt: skip
    return _playing(response, page)


@require_safe
def follow_referral(request: HttpRequest, token: str) -> HttpResponse:
    """To the form that friends see; who fills it in was brought by whose link this is."""
    at = clock.now()
    try:
        grant, version = find_referral(token)
    except (BadLink, ValueError):
        return _bad_link(request)
    with workspace_scope(grant.workspace_id):
        workspace = Workspace.objects.get(id=grant.workspace_id)
    note_visit(grant=grant, actor=actor_of(request, at), at=at)
    address = reverse("public:form", args=[workspace.slug, version.body["settings"]["form"]])
    response = HttpResponseRedirect(f"{address}?{REFERRAL}={token}&utm_source=referral&utm_medium=referral")
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Cache-Control"] = "no-store"
    return response


def _magnet(workspace: str, key: str) -> tuple[Workspace | None, MagnetVersion | None]:
    found = find_workspace(workspace)
    if found is None:
        return None, None
    with workspace_scope(found.id):
        return found, MagnetVersion.current(found.id, key)


def _expired(request: HttpRequest, expired: ExpiredDownload) -> HttpResponse:
    with workspace_scope(expired.workspace_id):
        workspace = Workspace.objects.get(id=expired.workspace_id)
        form = form_offering(workspace_id=workspace.id, magnet=expired.magnet)
    language = wanted_language(request, workspace.language)
    return message("download_expired", language=language, status=410, workspace=workspace, form=form)


def _bad_link(request: HttpRequest) -> HttpResponse:
    """One answer for forged, truncated and unknown links."""
    return message("bad_link", language=browser_language(request), status=404)


def _not_found(request: HttpRequest) -> HttpResponse:
    return message("not_found", language=browser_language(request), status=404)
