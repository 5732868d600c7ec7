"""Any program that can post JSON.

It proves itself by one of: the three headers of Standard Webhooks (https://www.standardwebhooks.com), which also name
the delivery and its time; `X-Signature-256: sha256=<hex HMAC-SHA256 of the body>`; or the secret itself in
`X-Webhook-Secret`.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from cultiva.capture.connectors.kinds import Forged, InboundKind, NotReadable, Reading, Told, as_text, hex_hmac, same
from cultiva.capture.connectors.models import Inbound

TOLERANCE = timedelta(minutes=5)
MOST_FIELDS, DEEPEST, MOST_AT_ONCE = 200, 12, 500


class Generic(InboundKind):
    kind, label, source_kind = "webhook", _("Any program, by a webhook with JSON"), "webhook"
    suggested = {
        "email": "email", "phone": "phone", "first_name": "attribute:first_name", "last_name": "attribute:last_name",
        "name": "full_name", "company": "attribute:company", "job_title": "attribute:job_title",
    }  # fmt: skip

    def verify(
        self, inbound: Inbound, secret: str, headers: Mapping[str, str], raw: bytes, body: Any, real_now: datetime
    ) -> None:
        if "webhook-signature" in headers:
            return _check_standard(secret, headers, raw, real_now)
        if "X-Signature-256" in headers:
            is_proven = bool(secret) and same(headers["X-Signature-256"], f"sha256={hex_hmac(secret, raw)}")
        else:
            is_proven = same(headers.get("X-Webhook-Secret", ""), secret)
        if not is_proven:
            raise Forged

    def tell(self, inbound: Inbound, headers: Mapping[str, str], raw: bytes, body: Any, at: datetime) -> list[Told]:
        several = body if isinstance(body, list) else [body]
        if not all(isinstance(each, dict) for each in several) or len(several) > MOST_AT_ONCE:
            raise NotReadable(f"an object, or a list of at most {MOST_AT_ONCE} objects, is needed")
        by_id = [name for name, target in inbound.mapping.items() if target == "id"]
        return [Told(self._key(each, by_id, headers, n, at), each) for n, each in enumerate(several)]

    def _key(self, payload: Any, by_id: list[str], headers: Mapping[str, str], place: int, at: datetime) -> str:
        """The field that is mapped to the id; else the delivery's number; else what it says, on one UTC day."""
        fields = dict(flattened(payload))
        for name in by_id:
            if found := as_text(fields.get(name), 150):
                return f"id:{found}"
        if number := headers.get("webhook-id", ""):
            return f"delivery:{hashlib.sha256(number.encode()).hexdigest()}:{place}"
        said = repr(sorted((name, str(value)) for name, value in fields.items()))
        return f"said:{hashlib.sha256(said.encode()).hexdigest()}:{at.astimezone(UTC):%Y%m%d}"

    def read(self, payload: Any) -> Reading:
        return Reading(dict(flattened(payload)))


def flattened(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """(a.b.0.c, leaf) of what lies inside, at most MOST_FIELDS; what lies deeper than DEEPEST is left out."""
    if isinstance(value, dict):
        inside = [(str(key), each) for key, each in value.items()]
    elif isinstance(value, list) and any(isinstance(each, (dict, list)) for each in value):
        inside = [(str(place), each) for place, each in enumerate(value)]
    else:
        yield name[:200], value
        return
    if depth >= DEEPEST:
        return
    count = 0
    for key, each in inside:
        for found in flattened(each, f"{name}.{key}" if name else key, depth + 1):
            count += 1
            if count > MOST_FIELDS:
                return
            yield found


def _check_standard(secret: str, headers: Mapping[str, str], raw: bytes, real_now: datetime) -> None:
    number, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not number or not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise Forged
    if abs(real_now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise Forged  # a delivery that somebody kept, and sends again
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Forged from error
    signed = f"{number}.{stamp}.".encode() + raw
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    if not any(same(each, expected) for each in headers["webhook-signature"].split()):
        raise Forged
