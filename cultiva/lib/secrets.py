"""Secrets that must be read again (a shop's signing secret) are stored encrypted, never plain."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class LostSecret(Exception):
    """The secret was encrypted with another CULTIVA_SECRET_KEY."""


def encrypt(text: str) -> str:
    return _box().encrypt(text.encode()).decode()


def decrypt(stored: str) -> str:
    """Raises LostSecret where the installation's key changed since."""
    try:
        return _box().decrypt(stored.encode()).decode()
    except InvalidToken as error:
        raise LostSecret("A stored secret cannot be read.\nhint: CULTIVA_SECRET_KEY changed; enter it anew") from error


def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"secrets:{settings.SECRET_KEY}".encode()).digest()))
