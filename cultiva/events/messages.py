"""From what a sender said to a row of the ledger: pure, so that a table of examples tells every rule.

The messages are those of the Segment tracking API (https://segment.com/docs/connections/spec/).
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import orjson

from cultiva.events.actions import SKEW, hash_message, visitor_text
from cultiva.events.machines import actor_of
from cultiva.events.sources import Source
from cultiva.lib.folding import folded_where_different

Json = dict[str, Any]

KINDS = frozenset({"track", "page", "screen", "identify", "group", "alias"})
NO_IDS = frozenset({"", "null", "undefined", "guest", "0"})
# What only we write into a context; a sender's own words of these names are dropped.
OURS = frozenset(
    {"user_id", "anonymous_id", "group_id", "previous_id", "is_secret", "makes_leads", "clock", "integrations"}
)
MAX_EVENT_BYTES = 32 * 1024  # Segment's limits: an event, a batch
MAX_EVENTS = 2_500
MAX_FAULTY = 2_500  # of one request; those beyond it are not kept
MAX_DEPTH = 64
MAX_NAME = 255
MAX_KEPT_BYTES = 64 * 1024  # of what is kept of a faulty message
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)  # an event from before this is a broken clock
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Fault(Exception):
    """Why a message cannot become an event: a code for machines, a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class EventRow(NamedTuple):
    """An event as the ledger takes it; the last three are JSON texts."""

    source_id: int
    message_hash: bytes
    kind: str
    name: str
    visitor: str  # a UUID's 32 digits
    occurred_at: datetime
    received_at: datetime
    actor: str
    properties: str
    folded: str | None
    context: str


class FaultyMessage(NamedTuple):
    """A message that waits in quarantine: ASCII JSON of what was sent, and of how it arrived."""

    source_id: int
    received_at: datetime
    code: str
    message: str
    payload: str
    is_cut: bool  # too long to be kept whole
    arrival: str


@dataclass(slots=True)
class Arrival:
    """What holds for every message of one request. `ip` and `user_agent` are the connection's."""

    source: Source
    received_at: datetime
    sent_at: datetime | None = None
    ip: str = ""
    user_agent: str = ""

    def to_json(self) -> str:
        sent_at = self.sent_at.isoformat() if self.sent_at else None
        return json.dumps(
            {"sent_at": sent_at, "ip": self.ip, "user_agent": self.user_agent, "is_secret": self.source.is_secret}
        )


@dataclass(slots=True)
class Parcel:
    """What one request leaves in the database, all of it or nothing."""

    workspace_id: int
    rows: list[EventRow] = field(default_factory=list)
    faulty: list[FaultyMessage] = field(default_factory=list)
    # How many messages came without consent to tracking, by (source, day, kind, name).
    uncovered: dict[tuple[int, date, str, str], int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rows or self.faulty or self.uncovered)


def make_parcel(messages: list[Any], arrival: Arrival) -> Parcel:
    """Sort the messages of one request: into events, into faulty ones, and those that may only be counted."""
    source = arrival.source
    parcel = Parcel(source.workspace_id)
    for number, message in enumerate(messages):
        try:
            if source.requires_tracking_consent and not is_covered(message, source.consent_category):
                counted = (source.id, arrival.received_at.date(), *describe(message))
                parcel.uncovered[counted] = parcel.uncovered.get(counted, 0) + 1
            elif number >= MAX_EVENTS:
                raise Fault("too_many", f"A batch may hold {MAX_EVENTS:,} events; this is one more.")
            else:
                parcel.rows.append(translate(message, arrival))
        except Fault as fault:
            if len(parcel.faulty) < MAX_FAULTY:
                parcel.faulty.append(keep(message, fault, arrival))
    return parcel


def is_covered(message: Any, category: str) -> bool:
    """Whether the sender says that tracking was consented to, in `context.consent.categoryPreferences`."""
    for name in ("context", "consent", "categoryPreferences", category):
        message = message.get(name) if isinstance(message, dict) else None
    return message is True


def describe(message: Any) -> tuple[str, str]:
    """(kind, name) for counting: no id and nothing else of the person."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str) or message["type"] not in KINDS:
        return "", ""
    name = message.get("event") if message["type"] == "track" else ""
    is_text = isinstance(name, str) and name.isprintable() and len(name) <= MAX_NAME
    return message["type"], str(name) if is_text else ""


def keep(message: Any, fault: Fault, arrival: Arrival) -> FaultyMessage:
    """What quarantine keeps of a message."""
    if isinstance(message, dict):
        message = {key: value for key, value in message.items() if key != "writeKey"}
    payload = json.dumps(message)
    return FaultyMessage(
        source_id=arrival.source.id,
        received_at=arrival.received_at,
        code=fault.code,
        message=str(fault),
        payload=payload[:MAX_KEPT_BYTES],
        is_cut=len(payload) > MAX_KEPT_BYTES,
        arrival=arrival.to_json(),
    )


def translate(message: Any, arrival: Arrival, *, message_id: str = "") -> EventRow:
    """The row of one message; raises Fault. `message_id` stands in where the sender gave none."""
    check_whole(message)
    source, kind = arrival.source, message.get("type")
    if not isinstance(kind, str) or kind not in KINDS:
        raise Fault("unknown_type", f"`type` must be one of {', '.join(sorted(KINDS))}.")
    user_id, anonymous_id = read_id(message, "userId"), read_id(message, "anonymousId")
    if not user_id and (not anonymous_id or kind == "alias"):
        needed = "`userId`" if kind == "alias" else "`userId` or `anonymousId`"
        raise Fault("no_id", f'{needed} is needed; "null", "undefined", "guest" and "0" are none.')
    name = read_name(message) if kind == "track" else kind
    properties = read_properties(message, kind)
    occurred_at, clock = date_event(message, arrival)
    context = make_context(message, arrival, user_id=user_id, anonymous_id=anonymous_id, clock=clock)
    folded = folded_where_different(properties)
    given_id = message.get("messageId") or message_id
    return EventRow(
        source.id,
        hash_message(str(given_id)) if given_id else os.urandom(16),
        kind,
        name,
        visitor_text(source.workspace_id, source.id, user_id, anonymous_id),
        occurred_at,
        arrival.received_at,
        actor_of(
            user_agent=seen_user_agent(context, arrival),
            ip=text_or_nothing(context.get("ip")),
            is_server=source.is_secret,
        ),
        orjson.dumps(properties).decode(),
        orjson.dumps(folded).decode() if folded else None,
        orjson.dumps(context).decode(),
    )


def check_whole(message: Any) -> None:
    """What the ledger cannot keep at all."""
    if not isinstance(message, dict):
        raise Fault("not_an_object", "An event is a JSON object.")
    try:
        text = orjson.dumps(message)
    except TypeError as error:  # nested beyond 254, or half a surrogate pair: JSON can write one, Unicode has none
        check_depth(message)
        raise Fault("not_unicode", "A text in it is not Unicode: half of a surrogate pair stands alone.") from error
    if len(text) > MAX_EVENT_BYTES:
        raise Fault("too_large", f"An event may hold 32 KB; this one has {len(text):,} bytes.")
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH:
        check_depth(message)
    if b"\\u0000" in text and NUL.search(text):
        raise Fault("nul", "A text in it holds the NUL character, which PostgreSQL cannot keep.")


def check_depth(message: Json) -> None:
    level: list[Any] = [message]
    for _depth in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise Fault("too_deep", f"Objects and lists may lie {MAX_DEPTH} deep in one another.")


def read_id(message: Json, name: str) -> str:
    """A text or whole number as text; empty where there is none, or one that stands for nobody."""
    value = message.get(name)
    if value is None:
        return ""
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise Fault("wrong_type", f"`{name}` must be a text.")
    text = str(value).strip()
    return "" if text.lower() in NO_IDS else text


def read_name(message: Json) -> str:
    name = message.get("event")
    if name is not None and not isinstance(name, str):
        raise Fault("wrong_type", "`event` must be a text.")
    if not name or not name.strip():
        raise Fault("no_name", "`event` names what happened; it is missing.")
    if len(name) > MAX_NAME:
        raise Fault("long_name", f"`event` may have {MAX_NAME} characters; this one has {len(name):,}.")
    return name


def read_object(message: Json, name: str) -> Json:
    value = message.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Fault("wrong_type", f"`{name}` must be an object.")
    return value


def read_properties(message: Json, kind: str) -> Json:
    """Traits where somebody is described, else properties; a page's own name and category are among them."""
    properties = read_object(message, "traits" if kind in ("identify", "group") else "properties")
    if kind == "identify" and not properties:  # where RudderStack's clients put them
        return read_object(read_object(message, "context"), "traits")
    if kind in ("page", "screen"):
        named = {each: message[each] for each in ("name", "category") if isinstance(message.get(each), str)}
        return {**{each: text for each, text in named.items() if text}, **properties}
    return properties


def date_event(message: Json, arrival: Arrival) -> tuple[datetime, str]:
    """When it occurred, and what is to be said of the sender's clock.

    received − (sentAt − timestamp): the sender's clock may be wrong, its differences are not.
    """
    stamped = message.get("timestamp") or message.get("originalTimestamp")
    if not stamped:
        return arrival.received_at, ""
    try:
        moment = read_instant(stamped)
    except (TypeError, ValueError) as error:
        raise Fault("bad_timestamp", f"`timestamp` is no ISO 8601 time: {str(stamped)[:40]!r}.") from error
    sent_at = read_sent_at(message.get("sentAt")) or arrival.sent_at
    received_at = arrival.received_at
    try:
        occurred_at = received_at - (sent_at - moment) if sent_at else moment
    except OverflowError:
        return received_at, "implausible"
    if occurred_at > received_at + SKEW:
        return received_at, "ahead"
    return (occurred_at, "") if occurred_at >= EARLIEST else (received_at, "implausible")


def read_sent_at(value: Any) -> datetime | None:
    """None where it cannot be read: then times stand as they were given."""
    try:
        return read_instant(value) if value else None
    except (TypeError, ValueError):
        return None


def read_instant(value: Any) -> datetime:
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def make_context(message: Json, arrival: Arrival, *, user_id: str, anonymous_id: str, clock: str) -> Json:
    """The sender's context with our own words beside it."""
    given, source = read_object(message, "context"), arrival.source
    context = given.copy() if OURS.isdisjoint(given) else {k: v for k, v in given.items() if k not in OURS}
    if arrival.ip and (not source.is_secret or (given.get("direct") is True and not given.get("ip"))):
        context["ip"] = arrival.ip  # a browser, whatever it says of itself
    if user_id:
        context["user_id"] = user_id
    if anonymous_id:
        context["anonymous_id"] = anonymous_id
    if message["type"] in ("group", "alias"):
        name = "groupId" if message["type"] == "group" else "previousId"
        other = read_id(message, name)
        if not other:
            raise Fault("no_id", f"`{name}` is needed.")
        context["group_id" if name == "groupId" else "previous_id"] = other
    if source.is_secret:
        context["is_secret"] = True
        if source.makes_leads:
            context["makes_leads"] = True
    if integrations := message.get("integrations"):
        context["integrations"] = integrations
    if clock:
        context["clock"] = clock
    return context


def seen_user_agent(context: Json, arrival: Arrival) -> str:
    """A server speaks for others, so its own user agent says nothing of them."""
    return text_or_nothing(context.get("userAgent")) or ("" if arrival.source.is_secret else arrival.user_agent)


def text_or_nothing(value: Any) -> str:
    return value if isinstance(value, str) else ""


def faulty_row(row: EventRow, code: str, message: str) -> FaultyMessage:
    """A row that the database refused, as the message that would make it."""
    context = json.loads(row.context) if is_json(row.context) else {"unreadable": row.context}
    properties = json.loads(row.properties) if is_json(row.properties) else {"unreadable": row.properties}
    payload = json.dumps(
        {
            "type": row.kind,
            "messageId": f"refused:{row.message_hash.hex()}",
            "event": row.name,
            "timestamp": row.occurred_at.isoformat(),
            "userId": context.get("user_id"),
            "anonymousId": context.get("anonymous_id"),
            "groupId": context.get("group_id"),
            "previousId": context.get("previous_id"),
            "traits" if row.kind in ("identify", "group") else "properties": properties,
            "context": context,
        }
    )
    arrival = {"sent_at": None, "ip": "", "user_agent": "", "is_secret": context.get("is_secret") is True}
    return FaultyMessage(
        row.source_id, row.received_at, code, message, payload[:MAX_KEPT_BYTES], len(payload) > MAX_KEPT_BYTES,
        json.dumps(arrival),
    )  # fmt: skip


def is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def hash_payload(payload: str) -> bytes:
    return hashlib.blake2b(payload.encode(), digest_size=16).digest()
