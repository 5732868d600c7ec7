"""Which pages may show or send a form: its allow-list, and our own pages."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from cultiva.capture.models import FormVersion

METHODS, HEADERS = "GET, POST", "content-type"
DAY = 86_400


def origin_of(request: HttpRequest) -> str:
    return request.headers.get("Origin", "")


def origin_of_url(url: str) -> str:
    try:
        found = urlsplit(url)
        return f"{found.scheme}://{found.netloc}".lower() if found.scheme and found.netloc else ""
    except ValueError:
        return ""


def allowed_origins(form: FormVersion) -> list[str]:
    return list(form.body.get("origins", []))


def is_own(request: HttpRequest, origin: str) -> bool:
    return origin in (origin_of_url(settings.PUBLIC_URL), f"{request.scheme}://{request.get_host()}")


def may_send(request: HttpRequest, form: FormVersion, *, is_ours: bool) -> bool:
    """A foreign origin is refused always; none at all, unless a token proves that we served what was sent."""
    origin = origin_of(request)
    if not origin:
        return is_ours
    return is_own(request, origin) or origin in allowed_origins(form)


def let_read(response: HttpResponse, request: HttpRequest, form: FormVersion | None) -> HttpResponse:
    """CORS for an allowed origin, and for no other. Never with credentials, never `*`."""
    response["Vary"] = "Origin"
    origin = origin_of(request)
    if form and origin and origin != "null" and origin in allowed_origins(form):
        response["Access-Control-Allow-Origin"] = origin
        if request.method == "OPTIONS":
            response["Access-Control-Allow-Methods"] = METHODS
            response["Access-Control-Allow-Headers"] = HEADERS
            response["Access-Control-Max-Age"] = str(DAY)
    return response
