"""Making inbound connectors, and saying what their fields mean."""

import base64
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.text import slugify

from cultiva.accounts.actions import record_audit
from cultiva.capture.connectors.kinds import InboundKind
from cultiva.capture.connectors.mapping import read_mapping, targets_of
from cultiva.capture.connectors.models import Inbound, InboundFact
from cultiva.capture.connectors.taking import retry
from cultiva.lib.database import fetch_all, workspace_scope
from cultiva.lib.plugins import plugin
from cultiva.lib.secrets import LostSecret, decrypt, encrypt

Json = dict[str, Any]


def new_secret() -> str:
    """As Standard Webhooks writes one; any other text is good, too."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def create_inbound(
    *, workspace_id: int, kind: str, name: str, secret: str, token: str = "", key: str = "", by: str, at: datetime
) -> Inbound:  # fmt: skip
    """`secret`: what the sender proves itself by; `token`: what we ask the network with; `key`: one that is free, made
    of the name where it is empty. Raises UnknownKind."""
    plugin("inbound", kind)
    with workspace_scope(workspace_id):
        wanted = key or slugify(name)[:50] or kind
        taken = set(Inbound.objects.filter(workspace_id=workspace_id).values_list("key", flat=True))
        key = next(key for n in range(1, len(taken) + 2) if (key := wanted if n == 1 else f"{wanted}-{n}") not in taken)
        inbound = Inbound.objects.create(
            workspace_id=workspace_id, key=key, name=name, kind=kind, secret=encrypt(secret),
            token=encrypt(token) if token else "", created_at=at,
        )  # fmt: skip
        _audit(inbound, "inbound.created", by, at, {"kind": kind})
    return inbound


def change_inbound(
    *, inbound: Inbound, name: str, secret: str = "", token: str = "", by: str, at: datetime
) -> None:  # fmt: skip
    """A secret or token that is left empty stays as it is."""
    columns: Json = {"name": name}
    columns |= {"secret": encrypt(secret)} if secret else {}
    columns |= {"token": encrypt(token)} if token else {}
    with workspace_scope(inbound.workspace_id):
        Inbound.objects.filter(workspace_id=inbound.workspace_id, id=inbound.id).update(**columns)
        _audit(inbound, "inbound.changed", by, at, {"fields": sorted(columns)})


def stop_inbound(*, inbound: Inbound, is_stopped: bool, by: str, at: datetime) -> None:
    """What a stopped one sends is refused; what came stays."""
    with workspace_scope(inbound.workspace_id):
        here = Inbound.objects.filter(workspace_id=inbound.workspace_id, id=inbound.id)
        here.update(stopped_at=at if is_stopped else None)
        _audit(inbound, "inbound.stopped" if is_stopped else "inbound.resumed", by, at, {})


def save_mapping(*, inbound: Inbound, document: Any, by: str, at: datetime) -> int:
    """What each field means from now on; what waited in quarantine is tried again. Returns how many that are.

    Raises DocumentError.
    """
    with workspace_scope(inbound.workspace_id):
        mapping = read_mapping(document, workspace_id=inbound.workspace_id)
        inbound.mapping = mapping
        Inbound.objects.filter(workspace_id=inbound.workspace_id, id=inbound.id).update(mapping=mapping)
        _audit(inbound, "inbound.mapped", by, at, {"fields": len(mapping)})
        return retry(inbound=inbound, at=at)


def sample_of(inbound: Inbound) -> Json:
    """The fields that came last; none where nothing came, or the installation's key changed."""
    try:
        found = json.loads(decrypt(inbound.sample)) if inbound.sample else {}
    except LostSecret:
        return {}
    return dict(found)


def meanings_of(inbound: Inbound, names: Any) -> Mapping[str, str]:
    """{field: target}, decided or suggested."""
    kind: InboundKind = plugin("inbound", inbound.kind)()
    return targets_of(kind, inbound.mapping, names)


def counts_of(workspace_id: int) -> dict[int, dict[str, int]]:
    """{connector: {state: facts}}"""
    rows = fetch_all(
        "SELECT inbound_id, state, count(*) AS n FROM inbound_fact WHERE workspace_id = %s GROUP BY 1, 2",
        [workspace_id],
    )
    found: dict[int, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["inbound_id"], {})[row["state"]] = row["n"]
    return found


def quarantine_of(inbound: Inbound, most: int = 50) -> list[InboundFact]:
    found = InboundFact.objects.filter(
        workspace_id=inbound.workspace_id, inbound_id=inbound.id, state="quarantined"
    )  # fmt: skip
    return list(found.order_by("-id")[:most])


def _audit(inbound: Inbound, action: str, by: str, at: datetime, detail: Json) -> None:
    record_audit(
        workspace_id=inbound.workspace_id,
        actor=by,
        action=action,
        target=f"inbound:{inbound.key}",
        detail=detail,
        at=at,
    )
