"""What a delivery passes before it is kept: its address, its proof, and whether it came before."""

import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import F

from cultiva.capture.connectors.kinds import Forged, InboundKind, Told
from cultiva.capture.connectors.models import Inbound, InboundFact
from cultiva.lib.database import workspace_scope
from cultiva.lib.plugins import plugin
from cultiva.lib.secrets import decrypt, encrypt
from cultiva.lib.signing import keyed_hash, sign, unsign

log = logging.getLogger(__name__)

PURPOSE = "inbound"


def address_of(inbound: Inbound) -> str:
    """Where the other side posts to; changes only with CULTIVA_SECRET_KEY."""
    return f"{settings.PUBLIC_URL}/in/{inbound.kind}/{sign(PURPOSE, inbound.workspace_id, inbound.id)}"


def verify_word(inbound: Inbound) -> str:
    """The word by which a network that greets us knows that it came to the right place."""
    return keyed_hash("inbound-greeting", f"{inbound.workspace_id}:{inbound.id}")[:32]


def find_by_address(*, kind: str, token: str) -> Inbound | None:
    """None where it was stopped. Raises BadLink, ValueError for an address not made here."""
    workspace_id, inbound_id = unsign(PURPOSE, token)
    with workspace_scope(workspace_id):
        return Inbound.objects.filter(workspace_id=workspace_id, id=inbound_id, kind=kind, stopped_at=None).first()


def greet(inbound: Inbound, query: Mapping[str, str]) -> str | None:
    """Raises Forged where the word is not ours."""
    kind: InboundKind = plugin("inbound", inbound.kind)()
    return kind.greet(inbound, query, verify_word(inbound))


def take_delivery(
    *, inbound: Inbound, headers: Mapping[str, str], raw: bytes, at: datetime, real_now: datetime
) -> dict[str, int]:
    """Check a delivery and keep what it tells, durably; leads are made of it later. Returns {taken, known}.

    Raises Forged, LostSecret, and ValueError for a body that is no JSON or not what this kind sends.
    """
    kind: InboundKind = plugin("inbound", inbound.kind)()
    body, is_json = _parsed(raw)
    try:
        kind.verify(inbound, decrypt(inbound.secret), headers, raw, body, real_now)
    except Forged:
        _count_refused(inbound, at)
        raise
    if not is_json:
        raise ValueError("not JSON")
    told = kind.tell(inbound, headers, raw, body, at)
    with workspace_scope(inbound.workspace_id):
        keys = {each.key for each in told}
        known = set(
            InboundFact.objects.filter(
                workspace_id=inbound.workspace_id, inbound_id=inbound.id, fact_key__in=keys
            ).values_list("fact_key", flat=True)
        )
        new = {each.key: each for each in told if each.key not in known}
        InboundFact.objects.bulk_create([_row(inbound, each, raw, at) for each in new.values()], ignore_conflicts=True)
    return {"taken": len(new), "known": len(told) - len(new)}


def _parsed(raw: bytes) -> tuple[Any, bool]:
    try:
        text = raw.decode()
        if "\\u0000" in text or "\x00" in text:
            return None, False
        return json.loads(text), True
    except (ValueError, RecursionError):
        return None, False


def _row(inbound: Inbound, told: Told, raw: bytes, at: datetime) -> InboundFact:
    return InboundFact(
        workspace_id=inbound.workspace_id, inbound_id=inbound.id, fact_key=told.key[:200],
        payload=encrypt(json.dumps(told.payload)),
        payload_sha256=hashlib.sha256(raw).hexdigest(), is_fetched=told.is_fetched, due_at=at, received_at=at,
    )  # fmt: skip


def _count_refused(inbound: Inbound, at: datetime) -> None:
    with workspace_scope(inbound.workspace_id):
        here = Inbound.objects.filter(workspace_id=inbound.workspace_id, id=inbound.id)
        here.update(refused=F("refused") + 1, refused_at=at)
