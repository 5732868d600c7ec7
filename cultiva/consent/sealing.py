"""Seals: the ends of all chains under one root, kept in the audit log.

A chain shows a change of any of its rows but the loss of its last ones, and somebody who may do all to the database can
compute a chain anew. Both show against a seal of before. Each seal takes the chains that grew since the last and is
chained to it. Its heads are leaves of a Merkle tree (RFC 6962, section 2.1), so that a lead's own end can be proven to
be in it by a few hashes, without the others'.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from cultiva.accounts.actions import record_audit
from cultiva.consent.evidence import BEGINNING, canonical_json, sha256
from cultiva.consent.models import Seal
from cultiva.lib.database import fetch_all, load_sql, workspace_scope

Json = dict[str, Any]

SEALED = "consent.sealed"  # the action in the audit log
MOST_ACTS = 100_000  # a seal looks at: about two seconds
# Rows are numbered before they are committed, in another order than they come to be seen. No transaction takes as long.
LATE = timedelta(minutes=15)


def seal_chains(*, workspace_id: int, at: datetime, real_now: datetime, most: int = MOST_ACTS) -> list[Seal]:
    """Seal what grew; nothing where nothing did. Safe to repeat, and side by side."""
    made: list[Seal] = []
    since: int | None = None
    while True:
        with workspace_scope(workspace_id):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext('consent seal'), %s)", [workspace_id % 2**31])
            if since is None:
                since = _settled(workspace_id, real_now)
            seal, upto, looked_at = _seal_some(workspace_id, since, at, real_now, most)
        made += [seal] if seal else []
        if looked_at < most:
            return made
        since = upto


def _settled(workspace_id: int, real_now: datetime) -> int:
    """The evidence up to which nothing can appear any more that an earlier seal did not see."""
    old = Seal.objects.filter(workspace_id=workspace_id, made_at__lte=real_now - LATE).order_by("-ordinal")
    return old.values_list("upto_id", flat=True).first() or 0


def _seal_some(
    workspace_id: int, since: int, at: datetime, real_now: datetime, most: int
) -> tuple[Seal | None, int, int]:
    """(the seal if one was needed, the last evidence looked at, how many were)"""
    last = Seal.objects.filter(workspace_id=workspace_id).order_by("-ordinal").first()
    ordinal = last.ordinal + 1 if last else 1
    parameters = {"workspace": workspace_id, "since": since, "most": most, "seal": ordinal}
    span = fetch_all(load_sql("consent", "evidence_since"), parameters)[0]
    if not span["acts"]:
        return None, since, 0
    heads = fetch_all(load_sql("consent", "seal_heads"), parameters | {"upto": span["upto"]})
    if not heads:
        return None, span["upto"], span["acts"]
    seal = Seal(
        workspace_id=workspace_id,
        ordinal=ordinal,
        sealed_at=at,
        made_at=real_now,
        upto_id=span["upto"],
        heads=len(heads),
        heads_root=merkle_root([leaf_of(row["lead_id"], row["ordinal"], row["hash"]) for row in heads]),
        previous_root=last.root if last else BEGINNING,
    )
    seal.root = root_of(seal)
    seal.save(force_insert=True)
    detail = {"root": seal.root, "heads": seal.heads}
    record_audit(
        workspace_id=workspace_id, actor="system", action=SEALED, target=f"seal:{ordinal}", detail=detail, at=at
    )
    return seal, span["upto"], span["acts"]


def root_of(seal: Seal) -> str:
    """sha256(the root before + what the seal says)."""
    said = {
        "workspace": seal.workspace_id,
        "ordinal": seal.ordinal,
        "sealed_at": seal.sealed_at.isoformat(timespec="microseconds"),
        "heads": seal.heads,
        "heads_root": seal.heads_root,
    }
    return sha256(seal.previous_root + canonical_json(said))


def leaf_of(lead_id: int, ordinal: int, hashed: str) -> bytes:
    return hashlib.sha256(b"\x00" + f"{lead_id}:{ordinal}:{hashed}".encode()).digest()


def merkle_root(leaves: Sequence[bytes]) -> str:
    """Of leaves in the order of their leads; one that has no partner goes up as it is."""
    level = list(leaves)
    while len(level) > 1:
        level = _level_above(level)
    return level[0].hex() if level else BEGINNING


def merkle_path(leaves: Sequence[bytes], place: int) -> list[Json]:
    """[{side, hash}] from a leaf to the root: whom it is hashed with, and on which side that one stands."""
    path, level = [], list(leaves)
    while len(level) > 1:
        partner = place ^ 1
        if partner < len(level):
            path.append({"side": "left" if partner < place else "right", "hash": level[partner].hex()})
        level, place = _level_above(level), place // 2
    return path


def _level_above(level: Sequence[bytes]) -> list[bytes]:
    return list(_pairs(level))


def _pairs(level: Sequence[bytes]) -> Iterator[bytes]:
    for place in range(0, len(level) - 1, 2):
        yield hashlib.sha256(b"\x01" + level[place] + level[place + 1]).digest()
    if len(level) % 2:
        yield level[-1]
