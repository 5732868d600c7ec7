"""The host of landing pages: what companies write is shown there, and no screen, session or cookie of ours is.

On it other addresses answer (`pages_urls`); on all other hosts there are no landing pages.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.request import split_domain_port
from django.urls import Resolver404, resolve

from cultiva.public.pages import browser_language, message


def pages_host(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        if not is_pages_host(request):
            return get_response(request)
        request.urlconf = "cultiva.public.pages_urls"
        request.COOKIES = {}  # whoever sends one: nobody is signed in here
        return get_response(request)

    return middleware


def is_pages_host(request: HttpRequest) -> bool:
    """By the name alone: a port does not keep cookies apart."""
    return bool(settings.PAGES_HOST) and split_domain_port(request.get_host())[0] == settings.PAGES_HOST


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """On one's own machine, whoever types the other name of it meant the screens."""
    if settings.PAGES_HOST in ("localhost", "127.0.0.1") and request.method == "GET" and _is_of_staff(request.path):
        return HttpResponseRedirect(settings.PUBLIC_URL + request.get_full_path())
    return message("not_found", language=browser_language(request), status=404)


def _is_of_staff(path: str) -> bool:
    try:
        return resolve(path, settings.ROOT_URLCONF).namespace == "web"
    except Resolver404:
        return False


def origin_of_staff() -> str:
    found = urlsplit(settings.PUBLIC_URL)
    return f"{found.scheme}://{found.netloc}"
