"""What a kind of inbound connector is: one plug-in a kind."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from cultiva.capture.connectors.models import Inbound
from cultiva.lib.plugins import Plugin

Json = dict[str, Any]


class Forged(Exception):
    """The sender did not prove itself."""


class NotReadable(ValueError):
    """The body is not what this kind sends."""


class CannotFetch(Exception):
    """The network did not give what it told us of. `is_final`: asking again does not help."""

    def __init__(self, words: str, *, is_final: bool) -> None:
        super().__init__(words)
        self.is_final = is_final


@dataclass(frozen=True)
class Told:
    """One thing that a delivery tells. `key` is the sender's own id for it, or made of what it says."""

    key: str
    payload: Any
    is_fetched: bool = True  # False: the payload only names what `fetch` gets


@dataclass(frozen=True)
class Reading:
    """What a payload says: its fields, and what is no field. `campaign`: as in an event's context."""

    fields: Mapping[str, Any]
    at: datetime | None = None
    page: str = ""
    campaign: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    is_test: bool = False


class InboundKind(Plugin):
    """One kind of place that tells us of leads.

    A complete one, which proves itself by a word in a header:

        class Kiosk(InboundKind):
            kind, label, source_kind = "kiosk", "Kiosk", "webhook"
            suggested = {"mail": "email"}

            def verify(self, inbound, secret, headers, raw, body, real_now) -> None:
                if not same(headers.get("X-Kiosk", ""), secret):
                    raise Forged

            def tell(self, inbound, headers, raw, body, at) -> list[Told]:
                return [Told(key=str(body["number"]), payload=body)]

            def read(self, payload) -> Reading:
                return Reading({"mail": payload["mail"]})
    """

    source_kind: ClassVar[str]  # of the leads it makes
    needs_token: ClassVar[bool] = False  # we ask the network for what it told us of
    suggested: ClassVar[Mapping[str, str]] = {}  # {field: target} of names that this kind always uses

    def greet(self, inbound: Inbound, query: Mapping[str, str], verify_word: str) -> str | None:
        """The answer to a network that asks whether we are there; None where that is not how it asks."""
        return None

    def verify(
        self, inbound: Inbound, secret: str, headers: Mapping[str, str], raw: bytes, body: Any, real_now: datetime
    ) -> None:
        """Raises Forged."""
        raise NotImplementedError

    def tell(self, inbound: Inbound, headers: Mapping[str, str], raw: bytes, body: Any, at: datetime) -> list[Told]:
        """What a delivery tells of. Raises NotReadable."""
        raise NotImplementedError

    def fetch(self, payload: Any, token: str) -> Any:
        """The payload in full. Raises CannotFetch."""
        return payload

    def read(self, payload: Any) -> Reading:
        raise NotImplementedError


def same(given: str, expected: str) -> bool:
    """In constant time; nothing is the same as an empty secret."""
    return bool(expected) and hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def hex_hmac(secret: str, raw: bytes) -> str:
    return hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


def as_text(value: Any, longest: int = 200) -> str:
    """Ids come as numbers or as texts; anything else is empty."""
    is_known = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    return str(value).replace("\x00", "").strip()[:longest] if is_known else ""
