"""The proof of each act of consent: append-only, hash-chained per lead.

Each row's hash covers the row before it, what it says without personal data, and a salted digest of the personal
payload beside it. Emptying a payload (an erasure) therefore leaves the chain whole; changing anything else breaks it.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import orjson
from django.db import connection

from cultiva.consent.models import Evidence
from cultiva.leads.models import Lead
from cultiva.lib.database import fetch_all, load_sql

Json = dict[str, Any]

BEGINNING = "0" * 64  # the hash before a lead's first evidence
SALT_BYTES = 16
NEVER: Mapping[str, str] = {}  # no consent expires
MERGE = "merge"  # the `action` of what a lead took over from one that was merged into it
STORED = ("ordinal", "act", "purpose", "channel", "payload_digest", "previous_hash", "hash")


@dataclass(frozen=True)
class Circumstances:
    """How an act reached us: what goes into the evidence beside the act itself."""

    action: str = "checkbox"  # checkbox | button | reply | verbal | import | api | merge | unmerge
    form: str = ""
    form_version: int | None = None
    page_url: str = ""
    referrer: str = ""
    ip: str = ""
    user_agent: str = ""
    session_sha256: str = ""  # of the render token: one token, one showing of the form
    rendered_html_sha256: str = ""  # of the notice and the boxes as they were shown
    boxes_shown: tuple[str, ...] = ()  # the boxes in the order in which they were shown
    boxes_ticked: tuple[str, ...] = ()
    sent_at: str = ""  # ISO 8601; where staff looked at it first: when the person sent it


@dataclass(frozen=True)
class Act:
    """One thing the person did; `payload` holds only text, whole numbers, booleans and lists of them."""

    act: str  # one of verifying.ACTS
    purpose: str = ""
    channel: str = ""
    payload: Json = field(default_factory=dict)


@dataclass(frozen=True)
class RecordedAct:
    """`is_new`: the act changed a state. `is_confirmed`: the lead's address was proven, by now or before."""

    act: Act
    evidence_id: int
    is_new: bool
    is_confirmed: bool


def record_acts(
    *,
    workspace_id: int,
    lead_id: int,
    acts: Sequence[Act],
    circumstances: Circumstances,
    at: datetime,
    profiling: str = "",
    is_new_lead: bool = False,
    expired_before: Mapping[str, str] = NEVER,
) -> list[RecordedAct]:
    """Add acts to a lead's chain, in order, and set states and marks by them. Locks the lead for the transaction.

    `profiling`: interest (the declared basis), consented, objected, or nothing said. `is_new_lead`: made in this
    transaction, so nobody else sees the lead and there is no chain to read. `expired_before`: as in `rules.Rules`.
    """
    ordinal, previous = (0, BEGINNING) if is_new_lead else _lock_chain(workspace_id, lead_id)
    rows = []
    for place, act in enumerate(acts, start=ordinal + 1):
        row, stored = _link(workspace_id, lead_id, act, place, previous, circumstances, at)
        previous = row.hash
        rows.append(stored)
    parameters = {
        "workspace": workspace_id,
        "lead": lead_id,
        "at": at,
        "acts": json.dumps(rows),
        "is_accepted": any(act.act == "policy_accepted" for act in acts),
        "is_confirmed": any(act.act == "confirmed" for act in acts),
        "profiling": profiling,
        "expired_before": json.dumps(dict(expired_before)),
    }
    recorded = fetch_all(load_sql("consent", "record_acts"), parameters)
    return [
        RecordedAct(act, row["id"], row["is_new"], row["confirmed_since"] is not None)
        for act, row in zip(acts, recorded, strict=True)
    ]


def hash_evidence(row: Evidence) -> str:
    """sha256(previous hash + what the row says without personal data + the digest of its payload)."""
    return hash_link(
        workspace=row.workspace_id,
        lead=row.lead_id,
        ordinal=row.ordinal,
        act=row.act,
        purpose=row.purpose,
        channel=row.channel,
        occurred_at=row.occurred_at,
        previous=row.previous_hash,
        digest=row.payload_digest,
    )


def hash_link(
    *,
    workspace: int,
    lead: int,
    ordinal: int,
    act: str,
    purpose: str,
    channel: str,
    occurred_at: datetime,
    previous: str,
    digest: str,
) -> str:
    """`hash_evidence` by its parts, for those who write many."""
    said = {
        "workspace": workspace,
        "lead": lead,
        "ordinal": ordinal,
        "act": act,
        "purpose": purpose,
        "channel": channel,
        "occurred_at": occurred_at.astimezone(UTC).isoformat(timespec="microseconds"),
    }
    return sha256(f"{previous}{canonical_json(said)}{digest}")


def digest_payload(salt: str, payload: Json) -> str:
    """sha256(salt + canonical JSON); the salt keeps a known payload from being guessed from its digest."""
    return digest_text(salt, canonical_json(payload))


def digest_text(salt: str, payload: str) -> str:
    """`digest_payload` of a payload that is canonical JSON already."""
    return hashlib.sha256(bytes.fromhex(salt) + payload.encode()).hexdigest()


def checks_of(payload: Json) -> str:
    """Four hexadecimal digits a field, in the order of their names: they prove nothing, but where a payload does not
    fit its digest they say which field of it was changed."""
    return "".join(f"{crc32(canonical_json([key, payload[key]]).encode()) & 0xFFFF:04x}" for key in sorted(payload))


def canonical_json(value: Any) -> str:
    """One text for one value: keys sorted, no spaces, Unicode as it is.

    orjson writes texts, whole numbers, booleans and lists of them as json does; what it refuses json takes.
    """
    with suppress(TypeError):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _link(
    workspace_id: int,
    lead_id: int,
    act: Act,
    ordinal: int,
    previous: str,
    circumstances: Circumstances,
    at: datetime,
) -> tuple[Evidence, Json]:
    """An act as the next evidence of its chain, and as the statement stores it."""
    payload = payload_of(act, circumstances, at)
    salt = secrets.token_hex(SALT_BYTES)
    row = Evidence(
        workspace_id=workspace_id,
        lead_id=lead_id,
        ordinal=ordinal,
        act=act.act,
        purpose=act.purpose,
        channel=act.channel,
        occurred_at=at,
        payload_digest=digest_payload(salt, payload),
        previous_hash=previous,
    )
    row.hash = hash_evidence(row)
    beside = {"salt": salt, "payload": payload, "checks": checks_of(payload)}
    return row, {name: getattr(row, name) for name in STORED} | beside


def _lock_chain(workspace_id: int, lead_id: int) -> tuple[int, str]:
    """(ordinal, hash) at the end of a lead's chain, which nobody else can add to until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(load_sql("consent", "lock_chain"), {"workspace": workspace_id, "lead": lead_id})
        if cursor.fetchone() is None:
            raise Lead.DoesNotExist(f"There is no lead {lead_id}.")
        cursor.nextset()
        return cursor.fetchone() or (0, BEGINNING)


def payload_of(act: Act, circumstances: Circumstances, at: datetime) -> Json:
    received = at.astimezone(UTC).isoformat(timespec="milliseconds")
    given = {key: value for key, value in asdict(circumstances).items() if value not in ("", None, ())}
    return {**given, **act.payload, "received_at": received}
