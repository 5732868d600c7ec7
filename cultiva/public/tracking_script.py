"""The scripts that other people's pages load, the same for everybody: `/t.js` tracks, `/embed.js` shows a form."""

import hashlib
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import condition, require_safe

MAX_AGE_SECONDS = 3600  # an upgrade reaches every page within the hour


@cache
def script(name: str) -> bytes:
    return (settings.PACKAGE / "static" / "cultiva" / name).read_bytes()


@cache
def etag(name: str) -> str:
    return f'"{hashlib.sha256(script(name)).hexdigest()[:16]}"'


@require_safe
@condition(etag_func=lambda request, name: etag(name))
def shared_script(request: HttpRequest, name: str) -> HttpResponse:
    return loadable(script(name))


def loadable(code: bytes) -> HttpResponse:
    """Any page may load it, pages under Cross-Origin-Embedder-Policy and with `crossorigin` too."""
    response = HttpResponse(code, content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = f"public, max-age={MAX_AGE_SECONDS}"
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Timing-Allow-Origin"] = "*"
    return response
