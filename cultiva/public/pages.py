"""How public pages are answered: rendered without the request, so that no cookie or session can play a part."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation

from cultiva.accounts.models import LANGUAGES, Workspace

LANGUAGE_CODES = [code for code, _ in LANGUAGES]


def answer(
    template: str,
    *,
    language: str,
    workspace: Workspace | None = None,
    status: int = 200,
    is_personal: bool = True,
    **values: Any,
) -> HttpResponse:
    """A page in a language. Personal ones are neither stored nor indexed, and do not tell where one comes from."""
    with translation.override(language):
        text = render_to_string(f"public/{template}.html", {"language": language, "workspace": workspace} | values)
    response = HttpResponse(text, status=status)
    response["Content-Language"] = language
    response["Cache-Control"] = "no-store"
    if is_personal:
        response["X-Robots-Tag"] = "noindex"
        response["Referrer-Policy"] = "no-referrer"
    return response


def message(kind: str, *, language: str, status: int, **values: Any) -> HttpResponse:
    """A page that says one thing; `kind` names it in public/message.html."""
    return answer("message", language=language, status=status, kind=kind, **values)


def wanted_language(request: HttpRequest, default: str = "en") -> str:
    """What `?lang=` asks for, if we speak it; else the default."""
    asked = request.GET.get("lang", "")
    return asked if asked in LANGUAGE_CODES else default


def browser_language(request: HttpRequest) -> str:
    """For pages of no workspace: `?lang=`, else the first language of the browser that we speak."""
    for part in request.headers.get("Accept-Language", "").split(","):
        code = part.strip()[:2].lower()
        if code in LANGUAGE_CODES:
            return wanted_language(request, code)
    return wanted_language(request)


def language_links(request: HttpRequest, languages: Sequence[str], shown: str) -> list[tuple[str, str, str]]:
    """[(code, name, address)] of the same page in the other languages, where it came from kept in the address."""
    links = []
    for code in languages:
        if code != shown:
            query = request.GET.copy()
            query["lang"] = code
            links.append((code, dict(LANGUAGES)[code], f"?{query.urlencode()}"))
    return links
