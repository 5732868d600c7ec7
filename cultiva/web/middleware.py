"""Each signed-in person reads the product in their own language and time zone."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from cultiva.accounts.models import User

LANGUAGE_KEY = "language"  # in the session, for those who are not signed in


def staff_language(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        if is_public(request.path):  # public pages read no cookie and choose their own language
            return get_response(request)
        user = request.user
        zone = user.time_zone if isinstance(user, User) else "UTC"
        with translation.override(language_of(request)), timezone.override(zoneinfo.ZoneInfo(zone)):
            return get_response(request)

    return middleware


def language_of(request: HttpRequest) -> str:
    if isinstance(request.user, User):
        return request.user.language
    return request.session.get(LANGUAGE_KEY) or translation.get_language_from_request(request)


def is_public(path: str) -> bool:
    return path.startswith(
        ("/f/", "/p/", "/c/", "/d/", "/g/", "/m/", "/r/", "/u/", "/l/", "/static/", "/healthz", "/t.js", "/api/")
    )
