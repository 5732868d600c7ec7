"""Takes events in from sites, apps and servers: the Segment tracking API, as its official clients speak it.

Bare ASGI: no session, no cookie, no call to the database for an event or a request. 200 means that what was sent is
durable: in the ledger, in quarantine with a reason, or counted where consent to tracking is missing.
"""

import asyncio
import gc
import logging
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.conf import settings

from cultiva.events.keys import KeyNotChecked, KnownKeys, from_database
from cultiva.events.limits import Buckets
from cultiva.events.line import DatabaseAway, Line
from cultiva.events.messages import Arrival, make_parcel, read_sent_at
from cultiva.events.sources import Source
from cultiva.events.spool import Spool
from cultiva.events.writing import Busy, NotStored, Writer
from cultiva.public.event_bodies import BadBody, Json, parse, read_body, write_key_of

log = logging.getLogger(__name__)

CALLS = {
    "t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias", "b": "batch",
    "m": "metrics", "import": "batch",
    **{word: word for word in ("track", "identify", "page", "screen", "group", "alias", "batch")},
}  # fmt: skip
CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"retry-after"),
]
PREFLIGHT = [
    *CORS,
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding, x-retry-count"),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
]
SUCCESS = b'{"success":true}'
SUCCESS_BODY = {"type": "http.response.body", "body": SUCCESS}
SUCCESS_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(SUCCESS)),
        (b"cache-control", b"no-store"),
        *CORS,
    ],
}
CLOCK_SECONDS = 1.0  # how long a demo's clock is believed


class Refused(BadBody):
    """An answer other than 200; SDKs read `code` and `message`."""

    def __init__(self, status: int, code: str, message: str, retry_after: int = 0) -> None:
        super().__init__(status, code, message)
        self.retry_after = retry_after


class Door:
    """What stands behind the door of one process: the writer, the known keys, their limits, the clock."""

    def __init__(self) -> None:
        config = settings.CONFIG
        folder = config.data_folder / "spool"
        self.writer = Writer(Spool(folder, most_bytes=config.spool_mb * 1024 * 1024))
        self.line = Line()
        self.keys = KnownKeys(from_database(self.line), folder / "keys.json")
        self.buckets = Buckets()
        self.is_demo = settings.IS_DEMO  # asking settings takes as long as a good part of the rest
        self.offset, self.offset_until = timedelta(0), 0.0
        self.clock_line = Line()
        self.loop = asyncio.get_running_loop()
        self.writer.start()

    async def stop(self) -> None:
        await self.writer.stop()
        self.line.drop()
        self.clock_line.drop()

    async def now(self) -> datetime:
        """The product's time. Only a demo's can be moved; its offset is asked for once a second."""
        if self.is_demo and monotonic() > self.offset_until:
            self.offset_until = monotonic() + CLOCK_SECONDS
            try:
                rows = await self.clock_line.ask("SELECT seconds FROM clock_offset WHERE id = 1")
                self.offset = timedelta(seconds=rows[0][0] if rows else 0)
            except DatabaseAway:
                pass  # the last one known
        return datetime.now(UTC) + self.offset

    async def find_source(self, write_key: str) -> Source:
        try:
            source = await self.keys.find(write_key)
        except KeyNotChecked as error:
            raise Refused(503, "unavailable", "The write key cannot be checked now. Try again.", 2) from error
        if source is None:
            raise Refused(401, "invalid_write_key", "No source has this write key.")
        return source


_door: Door | None = None


def door() -> Door:
    global _door  # noqa: PLW0603 (one for each process; made inside its event loop)
    if _door is None or _door.loop is not asyncio.get_running_loop():
        _door = Door()
    return _door


async def lifespan(receive: Any, send: Any) -> None:
    """ASGI: what a killed process left in its spool is stored even if nobody sends anything."""
    await receive()
    door()
    # What was loaded until now stays: the collector of garbage need not look through it again and again, and each
    # request leaves many short-lived objects behind.
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await door().stop()
    await send({"type": "lifespan.shutdown.complete"})


async def collector(scope: Any, receive: Any, send: Any) -> None:
    """ASGI: everything below /v1/."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    try:
        await answer_call(scope, receive, send)
    except BadBody as refused:
        content = orjson.dumps({"code": refused.code, "message": str(refused)})
        await answer(send, refused.status, content, getattr(refused, "retry_after", 0))
    except Exception:
        log.exception("event=collector.failed path=%s", scope["path"][:60])
        await answer(send, 503, b'{"code":"unavailable","message":"Something went wrong here. Try again."}', 5)


async def answer_call(scope: Any, receive: Any, send: Any) -> None:
    word = scope["path"].removeprefix("/v1/").strip("/")
    if scope["method"] == "OPTIONS":
        await send({"type": "http.response.start", "status": 200, "headers": PREFLIGHT})
        await send({"type": "http.response.body", "body": b""})
        return
    if word.startswith("projects/") and word.endswith("/settings"):
        await answer(send, 200, await show_settings(scope, word))
        return
    call = CALLS.get(word)
    if call is None:
        raise Refused(404, "not_found", f"There is no /v1/{word[:40]}.")
    if scope["method"] != "POST":
        raise Refused(405, "method_not_allowed", "Events are sent by POST.")
    await take(call, scope, receive)
    await send(SUCCESS_START)
    await send(SUCCESS_BODY)


async def take(call: str, scope: Any, receive: Any) -> None:
    """Everything between a request and its durable end; raises Refused where there is none."""
    headers = dict(scope["headers"])
    authorization = headers.get(b"authorization", b"")
    here = door()
    raw = await read_body(receive)
    if call == "metrics":  # how a client's own machinery fares is not ours to keep
        return
    key = write_key_of(authorization, None)
    source = (here.keys.recall(key) or await here.find_source(key)) if key else None  # before its body costs anything
    body = parse(raw)
    if source is None or body.get("writeKey"):
        key = write_key_of(authorization, body)
        source = await here.find_source(key)
    check_origin(headers.get(b"origin", b""), source)
    if seconds := here.buckets.take(key, source.requests_per_second):
        raise Refused(429, "too_many_requests", "This key sends more requests than it may. Slow down.", seconds)
    client = scope.get("client") or ("",)
    arrival = Arrival(
        source=source,
        received_at=await here.now(),
        sent_at=read_sent_at(body.get("sentAt")),
        ip=client[0],
        user_agent=headers.get(b"user-agent", b"").decode("latin-1"),
    )
    parcel = make_parcel(messages_of(call, body), arrival)
    if not parcel:
        return
    try:
        await here.writer.store(parcel, size_bytes=len(raw))
    except Busy as busy:
        raise Refused(429, "too_many_requests", "Too much waits already. Try again.", busy.seconds) from busy
    except NotStored as error:
        raise Refused(503, "unavailable", "Events cannot be stored now. Try again.", 5) from error


def messages_of(call: str, body: Json) -> list[Any]:
    """The messages of a call; a batch's own context and integrations lie under each of its items."""
    if call != "batch":
        return [{**body, "type": call}]
    messages = body.get("batch")
    if not isinstance(messages, list):
        raise Refused(400, "invalid_batch", "`batch` must be a list of events.")
    for name in ("context", "integrations"):
        shared = body.get(name)
        if isinstance(shared, dict) and shared:
            messages = [lay_under(shared, message, name) for message in messages]
    return messages


def lay_under(shared: Json, message: Any, name: str) -> Any:
    if not isinstance(message, dict):
        return message
    own = message.get(name)
    if own is None or isinstance(own, dict):
        return {**message, name: {**shared, **(own or {})}}
    return message


def check_origin(origin: bytes, source: Source) -> None:
    """Whose pages may send with this key; a sender that is no browser names no origin."""
    if origin and source.allowed_origins:
        named = origin.decode("latin-1").lower()
        if named not in {str(each).lower().rstrip("/") for each in source.allowed_origins}:
            raise Refused(403, "origin_not_allowed", f"This source takes no events from {named[:100]}.")


async def show_settings(scope: Any, word: str) -> bytes:
    """What analytics.js asks for before it sends: its only destination is here."""
    if scope["method"] not in ("GET", "HEAD"):
        raise Refused(405, "method_not_allowed", "Settings are read by GET.")
    key = word.removeprefix("projects/").removesuffix("/settings")
    source = await door().find_source(key)
    if source.is_secret:
        raise Refused(403, "secret_key", "This key is secret and must not stand in a page. Use a publishable one.")
    here = urlsplit(settings.PUBLIC_URL)
    ours = {
        "apiKey": key,
        "apiHost": f"{here.netloc}{here.path}/v1",
        "protocol": here.scheme,
        "addBundledMetadata": False,
    }
    every = {"__default": {"enabled": True, "integrations": {}}}
    return orjson.dumps(
        {
            "integrations": {"Segment.io": ours},
            "plan": {"track": every, "identify": every, "group": every},
            "metrics": {"sampleRate": 0},
        }
    )


async def answer(send: Any, status: int, content: bytes, retry_after: int = 0) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(content)),
        (b"cache-control", b"no-store"),
        *CORS,
    ]
    if retry_after:
        headers.append((b"retry-after", b"%d" % retry_after))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
