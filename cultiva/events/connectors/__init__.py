"""Shops that tell by webhooks what happens in them; a connector translates what one kind of shop says into events.

A delivery is taken once by its body: WooCommerce gives all deliveries of a webhook within one second the same number.
What a shop says again later is sorted out by the events' own message ids, made of the resource and its last change.
"""

import base64
import hashlib
import hmac
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.conf import settings

from cultiva.events.actions import NewEvent, record_events, visitor_of
from cultiva.events.models import EventSource
from cultiva.lib.database import execute, load_sql, workspace_scope
from cultiva.lib.plugins import Plugin, plugin
from cultiva.lib.secrets import decrypt, encrypt
from cultiva.lib.signing import sign, unsign

Json = dict[str, Any]
log = logging.getLogger(__name__)

PURPOSE = "hook"
MAX_PRODUCTS = 100
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class Forged(Exception):
    """The delivery does not bear the signature that the source's secret makes of it."""


@dataclass(frozen=True)
class Till:
    """Makes the events of one delivery of one shop."""

    source: EventSource
    received_at: datetime

    def event(self, name: str, *, message_id: str, at: datetime, who: str, properties: Json) -> NewEvent:
        """`who`: the shop's own name for the one who acts, such as order:7. `name`: an event, or identify."""
        kind = name if name == "identify" else "track"
        context: Json = {"anonymous_id": who, "is_secret": True, "library": {"name": self.source.kind}}
        if self.source.makes_leads:
            context["makes_leads"] = True
        return NewEvent(
            kind=kind,
            name=name,
            message_id=message_id,
            occurred_at=at if at > NO_TIME else self.received_at,
            source_id=self.source.id,
            visitor=visitor_of(workspace_id=self.source.workspace_id, source_id=self.source.id, anonymous_id=who),
            properties=properties,
            context=context,
        )


class Connector(Plugin):
    """One kind of shop: the names of its headers, and what it says in our words.

    class Bakery(Connector):
        kind = "bakery"
        label = "Bakery"
        topic_header, delivery_header = "X-Bakery-Topic", "X-Bakery-Delivery"
        signature_header = "X-Bakery-Signature"  # base64 of the HMAC-SHA256 of the raw body

        def read(self, topic: str, body: Json, till: Till) -> list[NewEvent] | None:
            if topic != "cake.sold":
                return None  # a topic that is of no use here
            sold = {"order_id": body["id"], "total": amount(body["price"]), "currency": "EUR"}
            return [till.event("Order Completed", message_id=f"cake:{body['id']}", at=moment(body["sold_at"]),
                               who=f"order:{body['id']}", properties=sold)]
    """

    topic_header: ClassVar[str]
    delivery_header: ClassVar[str]
    signature_header: ClassVar[str]

    def is_greeting(self, headers: Mapping[str, str], raw: bytes) -> bool:
        """Whether the shop only asks if somebody is there; such a request is not signed."""
        return False

    def is_test(self, headers: Mapping[str, str], body: Json) -> bool:
        """Whether the shop says that nothing of this is real."""
        return False

    def read(self, topic: str, body: Json, till: Till) -> list[NewEvent] | None:
        """Events of a delivery; None where its topic is of no use. Whatever it raises, the delivery is kept."""
        raise NotImplementedError


def address_of(source: EventSource) -> str:
    """Where the shop sends its webhooks; changes only with CULTIVA_SECRET_KEY."""
    return f"{settings.PUBLIC_URL}/hooks/{source.kind}/{sign(PURPOSE, source.workspace_id, source.id)}"


def find_by_address(*, kind: str, token: str) -> EventSource | None:
    """The source of an address; None where it was stopped. Raises BadLink for an address not made here."""
    workspace_id, source_id = unsign(PURPOSE, token)
    with workspace_scope(workspace_id):
        sources = EventSource.objects.filter(workspace_id=workspace_id, id=source_id, kind=kind, stopped_at=None)
        return sources.first()


def take_delivery(*, source: EventSource, headers: Mapping[str, str], raw: bytes, at: datetime) -> str:
    """Check, keep and translate one delivery, durably; returns its outcome. Raises Forged, LostSecret.

    greeted, taken, known (it came before), ignored (a topic of no use), test, or unreadable: kept, not translated.
    """
    connector: Connector = plugin("connectors", source.kind)()
    if connector.is_greeting(headers, raw):
        return "greeted"
    if not is_signed(raw, headers.get(connector.signature_header, ""), decrypt(source.secret)):
        raise Forged(source.kind)
    topic = headers.get(connector.topic_header, "")[:80]
    outcome, events = _translate(connector, topic, headers, raw, Till(source, at))
    with workspace_scope(source.workspace_id):
        delivery = {
            "workspace": source.workspace_id,
            "source": source.id,
            "delivery_id": headers.get(connector.delivery_header, "")[:200],
            "topic": topic,
            "outcome": outcome,
            "digest": hashlib.sha256(topic.encode() + b"\n" + raw).hexdigest(),
            "body": encrypt(raw.decode(errors="replace")),
            "at": at,
        }
        if not execute(load_sql("events", "keep_delivery"), delivery):
            return "known"
        record_events(workspace_id=source.workspace_id, events=events, received_at=at)
    return outcome


def is_signed(raw: bytes, signature: str, secret: str) -> bool:
    """base64 of the HMAC-SHA256 of the raw body, compared in constant time."""
    expected = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest())
    return bool(secret) and hmac.compare_digest(expected, signature.encode(errors="replace"))


def forget_deliveries(*, workspace_id: int, before: datetime, limit: int = 1000) -> int:
    """Drop deliveries received before an instant; their events stay. Returns how many went."""
    sql = load_sql("events", "forget_deliveries")
    return execute(sql, {"workspace": workspace_id, "before": before, "limit": limit})


def _translate(
    connector: Connector, topic: str, headers: Mapping[str, str], raw: bytes, till: Till
) -> tuple[str, list[NewEvent]]:
    try:
        body = json.loads(raw)
        if not isinstance(body, dict):
            raise TypeError("not an object")
        if connector.is_test(headers, body):
            return "test", []
        events = connector.read(topic, body, till)
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
        log.warning("event=webhook.unreadable source=%d topic=%s error=%s", till.source.id, topic, type(error).__name__)
        return "unreadable", []
    return ("ignored", []) if events is None else ("taken", events)


def text(value: Any, longest: int = 200) -> str:
    """A text or number as text that can be stored; anything else is empty."""
    is_known = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    kept = str(value).replace("\x00", "").encode(errors="ignore").decode() if is_known else ""
    return kept.strip()[:longest]


def amount(value: Any) -> float:
    """Money as shops write it, `29.35` or `-10.00`, without its sign; what is no number raises ValueError."""
    found = abs(round(float(value or 0), 4))
    if not math.isfinite(found):
        raise ValueError(f"no amount: {value!r}")
    return found


def moment(value: Any) -> datetime:
    """An ISO time, UTC where it names no zone. Missing: NO_TIME."""
    if not value:
        return NO_TIME
    found = datetime.fromisoformat(str(value))
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def stamp(at: datetime) -> str:
    """An instant in a message id."""
    return f"{at:%Y%m%dT%H%M%S}"


def known(facts: Mapping[str, Any]) -> Json:
    """Those facts that say something."""
    return {key: value for key, value in facts.items() if value not in (None, "", [])}
