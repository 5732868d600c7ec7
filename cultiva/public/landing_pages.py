"""Landing pages as visitors meet them, their pictures, the list for search engines, and the preview for staff."""

import base64
import hashlib
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.views.decorators.http import require_safe

from cultiva.accounts.actions import find_workspace
from cultiva.accounts.models import Workspace
from cultiva.capture.drawing import CAME_FROM, bind, draw_form, redirect_of
from cultiva.capture.forms import Shown, show_form
from cultiva.capture.landing import drafts
from cultiva.capture.landing.actions import draw_page, find_page
from cultiva.capture.landing.blocks import picture_address
from cultiva.capture.landing.documents import forms_in
from cultiva.capture.landing.figures import note_view
from cultiva.capture.landing.previews import read_preview
from cultiva.capture.models import PagePicture, PageVersion
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError
from cultiva.lib.signing import BadLink, ExpiredLink
from cultiva.public.form_origins import origin_of_url
from cultiva.public.form_pages import LANDING_PAGE
from cultiva.public.pages import browser_language, language_links, message, wanted_language
from cultiva.public.pages_host import origin_of_staff
from cultiva.public.visits import MAX_URL, actor_of, campaign_of, one_line

STATIC = Path(settings.STATICFILES_DIRS[0]) / "cultiva"
YEAR = 31_536_000


@require_safe
def landing_page(request: HttpRequest, workspace: str, path: str) -> HttpResponse:
    at = clock.now()
    found = find_workspace(workspace)
    page = find_page(workspace_id=found.id, path=path) if found else None
    if found is None or page is None:
        return message("not_found", language=browser_language(request), status=404)
    url = f"{settings.PAGES_URL}{request.get_full_path()}"
    if request.method == "GET":
        referrer = one_line(request.headers.get("Referer", ""), MAX_URL)
        note_view(
            page=page, url=one_line(url, MAX_URL), referrer=referrer, campaign=campaign_of(request.GET),
            actor=actor_of(request, at), at=at,
        )  # fmt: skip
    with workspace_scope(found.id):
        return _answer(request, found, page, at)


def _answer(
    request: HttpRequest, workspace: Workspace, page: PageVersion, at: datetime, *, is_preview: bool = False
) -> HttpResponse:
    spoken = sorted(page.body["languages"], key=lambda code: (code != workspace.language, code))
    language = next(each for each in (wanted_language(request, workspace.language), *spoken) if each in spoken)
    shown = _forms(workspace, page, language, at)
    forms = {} if is_preview and not shown else {each.form.key: _draw(request, each, workspace, page) for each in shown}
    drawn = draw_page(page, workspace, language=language, forms=forms, at=at)
    style = f"{_styles()}{drawn.style}"
    address = f"{settings.PAGES_URL}/p/{workspace.slug}/{page.body['path']}"
    picture = page.body.get("picture")
    with translation.override(language):
        text = render_to_string(
            "public/landing.html",
            {
                "page": page, "drawn": drawn, "workspace": workspace, "style": style,
                "canonical": address if language == spoken[0] else f"{address}?lang={language}",
                "languages": [(each, f"{address}?lang={each}" if each != spoken[0] else address) for each in spoken],
                "other_languages": language_links(request, spoken, language),
                "picture": settings.PAGES_URL + picture_address(workspace.slug, picture) if picture else "",
                "is_hidden": is_preview or bool(page.body.get("noindex")),
                "has_form": bool(forms),
            },
        )  # fmt: skip
    response = HttpResponse(text)
    response["Content-Language"] = language
    response["Cache-Control"] = "no-store"  # each showing of a form has a token of its own
    response["Referrer-Policy"] = "same-origin"
    if is_preview or page.body.get("noindex"):
        response["X-Robots-Tag"] = "noindex"
    _guard(response, page, style, shown, is_preview=is_preview)
    return response


def _forms(workspace: Workspace, page: PageVersion, language: str, at: datetime) -> list[Shown]:
    found = [
        show_form(workspace_id=workspace.id, key=key, languages=[language], at=at)
        for key in dict.fromkeys(forms_in(page.body))
    ]
    return [each for each in found if each]


def _draw(request: HttpRequest, shown: Shown, workspace: Workspace, page: PageVersion) -> str:
    """What is sent goes to the form's own page on this host, with the campaign that led here."""
    action = reverse("public:form", args=[workspace.slug, shown.form.key])
    query = urlencode([(name, value) for name, value in request.GET.items() if name != "lang"])
    parameters = {name: one_line(str(value), 200) for name, value in request.GET.items()}
    hidden = {
        CAME_FROM: one_line(request.headers.get("Referer", ""), MAX_URL), LANDING_PAGE: page.key,
    }  # fmt: skip
    return draw_form(
        shown, workspace.slug, bind(shown, parameters=parameters), hidden=hidden,
        action=f"{action}?lang={shown.language}{'&' if query else ''}{query}",
    )  # fmt: skip


def _guard(response: HttpResponse, page: PageVersion, style: str, shown: list[Shown], *, is_preview: bool) -> None:
    """Our two scripts, this very style, our pictures; films from where the page names them; nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    films = {
        origin_of_url(block["settings"]["address"]) for block in page.body["blocks"] if block["kind"] == "video"
    }  # fmt: skip
    targets = {origin_of_url(redirect_of(each.form, each.language)) for each in shown} - {""}
    policy = {
        "style-src": ["'self'", f"'sha256-{digest}'"],
        "form-action": ["'none'"] if is_preview else ["'self'", *sorted(targets)],
    }
    if films:
        policy["media-src"] = sorted(films)
    if is_preview:
        policy["frame-ancestors"] = [origin_of_staff()]
        response.xframe_options_exempt = True  # what Django's middleware looks for
    response._csp_replace = policy  # type: ignore[attr-defined]  # as csp_replace does, for one answer


@cache
def _styles() -> str:
    """Within the page: it needs nothing else before it can be seen."""
    text = "".join((STATIC / name).read_text(encoding="utf-8") for name in ("public.css", "landing.css"))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"\s*([{};,>])\s*", r"\1", re.sub(r"\s+", " ", text)).strip()


@require_safe
def picture(request: HttpRequest, workspace: str, name: str) -> HttpResponse:
    """Always WebP that we drew, whatever was uploaded. A name stands for one picture for ever."""
    found = find_workspace(workspace)
    size = "small" if request.GET.get("size") == "small" else "large"
    content = None
    if found:
        with workspace_scope(found.id):
            pictures = PagePicture.objects.filter(workspace_id=found.id, name=name)
            content = pictures.values_list(size, flat=True).first()
    if content is None:
        return message("not_found", language=browser_language(request), status=404)
    response = HttpResponse(bytes(content), content_type="image/webp")
    response["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"  # mails and staff screens show them, too
    response._csp_replace = {"default-src": ["'none'"]}  # type: ignore[attr-defined]
    return response


@require_safe
def preview(request: HttpRequest, token: str) -> HttpResponse:
    """A draft for those who write it: by a link that the builder made, in a frame of the builder."""
    at = clock.now()
    try:
        workspace_id, key = read_preview(token, at=at)
    except (BadLink, ExpiredLink):
        return message("not_found", language=browser_language(request), status=404)
    with workspace_scope(workspace_id):
        workspace = Workspace.objects.get(id=workspace_id)
        document = drafts.draft_document(workspace_id, key) or {}
        with translation.override(wanted_language(request, workspace.language)):
            try:
                page = drafts.try_draft(workspace_id=workspace_id, document=document, at=at)
            except DocumentError as error:
                response = message("unsound", language=translation.get_language() or "en", status=200, said=str(error))
                response.xframe_options_exempt = True
                response._csp_replace = {"frame-ancestors": [origin_of_staff()]}  # type: ignore[attr-defined]
                return response
        return _answer(request, workspace, page, at, is_preview=True)


@require_safe
def sitemap(request: HttpRequest, workspace: str) -> HttpResponse:
    found = find_workspace(workspace)
    if found is None:
        return message("not_found", language=browser_language(request), status=404)
    with workspace_scope(found.id):
        pages = [page for page in PageVersion.currents(found.id) if not page.body.get("noindex")]
    context = {"pages": pages, "address": f"{settings.PAGES_URL}/p/{found.slug}/"}
    return HttpResponse(render_to_string("public/sitemap.xml", context), content_type="application/xml")


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """What is personal says so itself; there is nothing to keep out here."""
    return HttpResponse("User-agent: *\nDisallow: /p/~preview/\n", content_type="text/plain")
