"""The keys that sign receipts and bundles: Ed25519, one in force a workspace, public ones published for ever."""

import base64
import hashlib
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.conf import settings
from django.db import connection

from cultiva.accounts.actions import record_audit
from cultiva.accounts.models import Workspace
from cultiva.consent.models import SigningKey
from cultiva.lib.database import workspace_scope
from cultiva.lib.secrets import decrypt, encrypt

Json = dict[str, Any]


def signing_key(*, workspace_id: int, at: datetime) -> SigningKey:
    """The key in force; made when it is first needed, and where the installation's secret was lost."""
    with workspace_scope(workspace_id):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('consent key'), %s)", [workspace_id % 2**31])
        last = SigningKey.objects.filter(workspace_id=workspace_id).order_by("-id").first()
        return last or _make_key(workspace_id, at)


def sign_bytes(key: SigningKey, message: bytes) -> str:
    """base64url, without padding. Raises LostSecret where the installation's secret key changed."""
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(decrypt(key.private_key)))
    return to_text(private.sign(message))


def published_keys(workspace: Workspace) -> Json:
    """The keys of a workspace as a JSON Web Key Set (RFC 8037): those of before stay, for what they signed."""
    found = SigningKey.objects.filter(workspace_id=workspace.id).order_by("-id")
    return {
        "keys": [
            {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key.kid, "x": key.public_key}
            for key in found
        ]
    }


def keys_url(workspace: Workspace) -> str:
    return f"{settings.PUBLIC_URL}/.well-known/consent-keys/{workspace.slug}.json"


def to_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _make_key(workspace_id: int, at: datetime) -> SigningKey:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    secret = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    key = SigningKey.objects.create(
        workspace_id=workspace_id, kid=hashlib.sha256(public).hexdigest()[:16], public_key=to_text(public),
        private_key=encrypt(base64.b64encode(secret).decode()), made_at=at,
    )  # fmt: skip
    record_audit(
        workspace_id=workspace_id, actor="system", action="consent_key.made", target=key.kid,
        detail={"public": key.public_key}, at=at,
    )  # fmt: skip
    return key
