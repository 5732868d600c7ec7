"""Takes events in from sites, apps and servers: the Segment HTTP API, as far as server SDKs need it.

Bare ASGI: no session, no cookie, no call to the database per event. Requests wait in a queue; one writer takes all
that wait, stores them in one transaction and then answers them all, so an answer of 200 means durable.
"""

import asyncio
import base64
import binascii
import json
import logging
import uuid
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.db import DataError, close_old_connections
from django.db import Error as DatabaseError

from cultiva.events.actions import NewEvent, record_events, visitor_of
from cultiva.events.sources import find_source
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope

log = logging.getLogger(__name__)

KINDS = {"track", "page", "screen", "identify"}
SHORT = {"t": "track", "p": "page", "s": "screen", "i": "identify", "b": "batch", "import": "batch"}
MAX_BODY_BYTES = 500 * 1024  # Segment's limit for a batch
MAX_EVENT_BYTES = 32 * 1024
MAX_WAITING = 2000  # requests in flight; beyond it the sender is asked to come back
NO_IDS = {"", "null", "undefined", "guest", "0"}

Json = dict[str, Any]


class Refused(Exception):
    """An answer other than 200, with the code and message that SDKs read."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Waiting:
    """A request whose events wait to be stored."""

    workspace_id: int
    events: list[NewEvent]
    stored: "asyncio.Future[None]"


class Writer:
    """Stores what waits, all of it in one transaction per workspace, and wakes those who wait."""

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self.is_running = False

    async def store(self, workspace_id: int, events: list[NewEvent]) -> None:
        if len(self.waiting) >= MAX_WAITING:
            raise Refused(429, "too_many_requests", "Too many requests wait. Try again in a second.")
        entry = Waiting(workspace_id, events, asyncio.get_running_loop().create_future())
        self.waiting.append(entry)
        if not self.is_running:
            self.is_running = True
            asyncio.create_task(self._drain()).add_done_callback(lambda task: task.exception())
        await entry.stored

    async def _drain(self) -> None:
        try:
            while self.waiting:
                group, self.waiting = self.waiting, []
                for workspace_id in {entry.workspace_id for entry in group}:
                    await self._write(workspace_id, [e for e in group if e.workspace_id == workspace_id])
        finally:
            self.is_running = False

    async def _write(self, workspace_id: int, entries: list[Waiting]) -> None:
        try:
            await sync_to_async(_record)(workspace_id, [event for entry in entries for event in entry.events])
        except Exception:  # whatever it was, those who wait get their answer
            await self._write_apart(workspace_id, entries)
        else:
            for entry in entries:
                entry.stored.set_result(None)

    async def _write_apart(self, workspace_id: int, entries: list[Waiting]) -> None:
        """One request that the database refuses must not fail its neighbours."""
        for entry in entries:
            try:
                await sync_to_async(_record)(workspace_id, entry.events)
                entry.stored.set_result(None)
            except DataError:  # it would be refused again however often it came
                entry.stored.set_exception(Refused(400, "invalid_event", "An event holds a value that cannot be kept."))
            except Exception:
                log.exception("event=collector.not_stored workspace=%d events=%d", workspace_id, len(entry.events))
                entry.stored.set_exception(Refused(503, "unavailable", "Events cannot be stored now. Try again."))


def _record(workspace_id: int, events: list[NewEvent]) -> None:
    close_old_connections()
    try:
        with workspace_scope(workspace_id):
            record_events(workspace_id=workspace_id, events=events, received_at=clock.now())
    finally:
        close_old_connections()


writer = Writer()


async def collector(scope: Any, receive: Any, send: Any) -> None:
    """ASGI: POST /v1/{track,page,screen,identify,batch} and the short names."""
    try:
        await _take(scope, receive)
        await _answer(send, 200, {"success": True})
    except Refused as refused:
        await _answer(send, refused.status, {"code": refused.code, "message": str(refused)})


async def _take(scope: Any, receive: Any) -> None:
    word = scope["path"].removeprefix("/v1/").strip("/")
    call = SHORT.get(word, word)
    if call not in KINDS | {"batch"}:
        raise Refused(404, "not_found", f"There is no /v1/{word[:40]}.")
    if scope["method"] != "POST":
        raise Refused(405, "method_not_allowed", "Events are sent by POST.")
    headers = dict(scope["headers"])
    body = _parse(await _read_body(receive), headers.get(b"content-encoding", b""))
    key = _write_key(headers.get(b"authorization", b""), body)
    try:
        source = await sync_to_async(find_source)(key)
    except DatabaseError as error:
        raise Refused(503, "unavailable", "The write key cannot be checked now. Try again.") from error
    if source is None:
        raise Refused(401, "invalid_write_key", "No source has this write key.")
    received_at = await sync_to_async(clock.now)()
    items = body.get("batch") if call == "batch" else [{**body, "type": call}]
    if not isinstance(items, list):
        raise Refused(400, "invalid_batch", "`batch` must be a list of events.")
    sent_at = _instant(body.get("sentAt"))
    events = [
        _to_event(item, place=f"batch[{n}]", source=source, received_at=received_at, sent_at=sent_at)
        for n, item in enumerate(items)
    ]
    await writer.store(source.workspace_id, events)


async def _read_body(receive: Any) -> bytes:
    body, is_more = b"", True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "disconnected", "The sender hung up.")
        body += message.get("body", b"")
        is_more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            raise Refused(413, "too_large", "A batch may hold 500 KB.")
    return body


def _parse(body: bytes, encoding: bytes) -> Json:
    try:
        if encoding.lower() == b"gzip":
            inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            body = inflate.decompress(body, MAX_BODY_BYTES + 1)
            if len(body) > MAX_BODY_BYTES:
                raise Refused(413, "too_large", "A batch may hold 500 KB once unpacked.")
        found = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError, zlib.error) as error:
        raise Refused(400, "invalid_json", "The body is not JSON.") from error
    if not isinstance(found, dict):
        raise Refused(400, "invalid_json", "The body must be a JSON object.")
    return found


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")  # Python would take NaN and Infinity


def _write_key(authorization: bytes, body: Json) -> str:
    scheme, _, value = authorization.decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Refused(401, "invalid_write_key", "The Authorization header cannot be read.") from error
    return str(body.get("writeKey") or "")


def _to_event(item: Any, *, place: str, source: Any, received_at: datetime, sent_at: datetime | None) -> NewEvent:
    if not isinstance(item, dict) or item.get("type") not in KINDS:
        raise Refused(400, "invalid_event", f"{place}: `type` must be one of {', '.join(sorted(KINDS))}.")
    try:
        text = json.dumps(item, ensure_ascii=False)
        if len(text.encode()) > MAX_EVENT_BYTES or "\\u0000" in text:
            raise Refused(400, "invalid_event", f"{place}: an event may hold 32 KB, and no NUL character.")
    except UnicodeEncodeError as error:
        raise Refused(400, "invalid_event", f"{place}: a text in it is not Unicode.") from error
    user_id, anonymous_id = (_id(item.get(name)) for name in ("userId", "anonymousId"))
    if not user_id and not anonymous_id:
        raise Refused(400, "invalid_event", f"{place}: `userId` or `anonymousId` is needed.")
    name = item.get("event") if item["type"] == "track" else item["type"]
    if not isinstance(name, str) or not name:
        raise Refused(400, "invalid_event", f"{place}: `event` names what happened.")
    properties = item.get("traits" if item["type"] == "identify" else "properties") or {}
    if not isinstance(properties, dict):
        raise Refused(400, "invalid_event", f"{place}: `properties` and `traits` are objects.")
    if item["type"] == "page" and item.get("name"):
        properties = {"name": item["name"], **properties}
    return NewEvent(
        kind=item["type"],
        name=name,
        message_id=str(item.get("messageId") or uuid.uuid4()),
        occurred_at=_occurred_at(item, received_at, sent_at),
        source_id=source.id,
        visitor=visitor_of(
            workspace_id=source.workspace_id, source_id=source.id, user_id=user_id, anonymous_id=anonymous_id
        ),
        properties=properties,
        context=item["context"] if isinstance(item.get("context"), dict) else {},
    )


def _id(value: Any) -> str:
    text = str(value) if isinstance(value, (str, int)) else ""
    return "" if text.strip().lower() in NO_IDS else text


def _occurred_at(item: Json, received_at: datetime, sent_at: datetime | None) -> datetime:
    """received_at − (sentAt − timestamp): the sender's clock may be wrong, its differences are not."""
    stamped = _instant(item.get("timestamp") or item.get("originalTimestamp"))
    sent = _instant(item.get("sentAt")) or sent_at
    if stamped is None:
        return received_at
    try:
        return received_at - (sent - stamped) if sent else stamped
    except OverflowError:  # a clock centuries off says nothing
        return received_at


def _instant(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _answer(send: Any, status: int, content: Json) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    if status in (429, 503):
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})
