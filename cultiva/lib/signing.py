"""Links and tokens that only this installation can make."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

from django.conf import settings

MAC_BYTES = 16  # 128 bits: rules of signed downloads and unsubscribe links ask for at least that


class BadLink(Exception):
    """The link was not made here, or not in this form."""


class ExpiredLink(Exception):
    """The link was good once."""


def sign(purpose: str, *parts: int) -> str:
    """A short URL-safe token that carries whole numbers, readable by `unsign` with the same purpose."""
    payload = ".".join(_to_text(part) for part in parts)
    return f"{payload}.{_mac(purpose, payload)}"


def unsign(purpose: str, token: str) -> tuple[int, ...]:
    """The numbers of a token; raises BadLink for anything that `sign` did not make."""
    payload, _, mac = token.rpartition(".")
    if not payload or not hmac.compare_digest(mac.encode(), _mac(purpose, payload).encode()):
        raise BadLink(purpose)
    return tuple(int(part, 36) for part in payload.split("."))


def sign_until(purpose: str, until: datetime, *parts: int) -> str:
    """As `sign`, good until an instant (whole seconds, UTC)."""
    return sign(purpose, int(until.timestamp()), *parts)


def unsign_until(purpose: str, token: str, at: datetime) -> tuple[int, ...]:
    """The numbers of a token that is still good; raises BadLink or ExpiredLink."""
    until, *parts = unsign(purpose, token)
    if at > datetime.fromtimestamp(until, UTC):
        raise ExpiredLink(purpose)
    return tuple(parts)


def hash_token(token: str) -> str:
    """How single-use tokens are stored: SHA-256, enough for secrets of 128 bits and more."""
    return hashlib.sha256(token.encode()).hexdigest()


def keyed_hash(purpose: str, text: str) -> str:
    """A stable fingerprint that nobody can make or guess without the installation's key."""
    return hmac.new(_key(purpose), text.encode(), hashlib.sha256).hexdigest()


def hmac_pads(purpose: str) -> tuple[bytes, bytes]:
    """(inner, outer) with which SQL makes the same: sha256(outer || sha256(inner || text)) (RFC 2104, section 2)."""
    key = _key(purpose).ljust(64, b"\0")
    return bytes(byte ^ 0x36 for byte in key), bytes(byte ^ 0x5C for byte in key)


def _mac(purpose: str, payload: str) -> str:
    digest = hmac.new(_key(purpose), payload.encode(), hashlib.sha256).digest()[:MAC_BYTES]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _key(purpose: str) -> bytes:
    return hashlib.sha256(f"{purpose}:{settings.SECRET_KEY}".encode()).digest()


def _to_text(number: int) -> str:
    if number < 0:
        raise ValueError(number)
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while True:
        number, rest = divmod(number, 36)
        text = digits[rest] + text
        if not number:
            return text
