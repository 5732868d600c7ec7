"""The web process: Django, and the collector below /v1/ unless it has a port of its own."""

import os
import warnings
from http.cookies import SimpleCookie
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cultiva.settings")
# Static files are small and read whole; whitenoise has no asynchronous iterator to offer.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
django = get_asgi_application()

from django.contrib.auth import SESSION_KEY  # noqa: E402  (needs Django's registry)
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.db import close_old_connections  # noqa: E402

from cultiva.public.collector import collector  # noqa: E402  (needs Django's registry)

HAS_COLLECTOR = settings.CONFIG.collector_port is None
# Django writes a body to disk before a view can refuse it; no page of ours takes more than this.
MAX_BODY_BYTES = 1024 * 1024
# What the API says of one, without Django.
TOO_LARGE = (
    b'{"error":{"code":"too_large","message":"A body may hold 1000000 bytes. Send less at a time.","field":null}}'
)
MAX_UPLOAD_BYTES = 200 * 1024 * 1024  # files of leads, by signed-in staff; `cultiva import` takes larger ones
MAX_FORM_BYTES = 25 * 1024 * 1024  # files of visitors, ten MB each, beside the answers that are kept whatever they are
UPLOADS = ("/imports/", "/settings/files/upload", "/settings/brand", "/pages/pictures")
# A browser shows an answer only once its whole body was taken: so much of a file that is too large is read and dropped.
MAX_DROPPED_BYTES = 4 * 1024**3


async def application(scope: Any, receive: Any, send: Any) -> None:
    if HAS_COLLECTOR and (scope["type"] == "lifespan" or scope["path"].startswith("/v1/")):
        await collector(scope, receive, send)
        return
    most = MAX_BODY_BYTES
    if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/f/"):
        most = MAX_FORM_BYTES  # public.bodies refuses what is no file
    elif scope["type"] == "http" and announced_bytes(scope) > most and await sync_to_async(may_upload)(scope):
        most = MAX_UPLOAD_BYTES
        if most < announced_bytes(scope) <= MAX_DROPPED_BYTES:
            await drop(receive)
            await django(too_large(scope), without_body(receive), send)
            return
    if scope["type"] == "http" and announced_bytes(scope) > most:
        kind = [(b"content-type", b"application/json")] if scope["path"].startswith("/api/") else []
        await send({"type": "http.response.start", "status": 413, "headers": [(b"connection", b"close"), *kind]})
        await send({"type": "http.response.body", "body": TOO_LARGE if kind else b""})
    else:
        await django(scope, limited(receive, most), send)


def may_upload(scope: Any) -> bool:
    """A larger body is taken for imports and documents alone, and only from somebody who is signed in."""
    if scope["method"] != "POST" or not scope["path"].startswith(UPLOADS):
        return False
    cookies = SimpleCookie(dict(scope["headers"]).get(b"cookie", b"").decode("latin-1"))
    session = cookies.get(settings.SESSION_COOKIE_NAME)
    try:
        return session is not None and SESSION_KEY in SessionStore(session.value)
    finally:
        close_old_connections()


async def drop(receive: Any) -> None:
    message = await receive()
    while message["type"] == "http.request" and message.get("more_body"):
        message = await receive()


def without_body(receive: Any) -> Any:
    """An empty body, and then whatever comes: Django listens for a sender who hangs up."""
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive_rest() -> Any:
        return messages.pop() if messages else await receive()

    return receive_rest


def too_large(scope: Any) -> Any:
    """Asks for the page that says so, in the place of the form that was sent."""
    path = scope["path"] + "/too-large"
    kept = [(name, value) for name, value in scope["headers"] if not name.startswith(b"content-")]
    return scope | {"method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": kept}


def announced_bytes(scope: Any) -> int:
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() else 0


def limited(receive: Any, most: int) -> Any:
    """A body that turns out longer than announced ends as if its sender had hung up."""
    seen = 0

    async def receive_some() -> Any:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return message if seen <= most else {"type": "http.disconnect"}

    return receive_some
