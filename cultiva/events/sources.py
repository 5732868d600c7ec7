"""Sources: who may send events, by write key."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cultiva.events.models import EventSource, WriteKey
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.secrets import encrypt
from cultiva.lib.signing import hash_token

PREFIX = {"publishable": "pk_", "secret": "sk_"}


@dataclass(frozen=True)
class Source:
    """A source as its door needs it, found by one of its keys. `is_secret`: that key is not public."""

    workspace_id: int
    id: int
    kind: str
    is_secret: bool
    allowed_origins: list[str]
    requires_tracking_consent: bool
    consent_category: str
    makes_leads: bool
    requests_per_second: int


def create_source(
    *,
    workspace_id: int,
    key: str,
    name: str,
    at: datetime,
    kind: str = "site",
    makes_leads: bool | None = None,
    secret: str = "",
    basis: str = "",
    basis_note: str = "",
) -> tuple[EventSource, str]:
    """A new source and its first write key: publishable for a site, secret for all others.

    A secret key is shown this once and stored as a hash. Sources with secret keys make leads unless told not to.
    `secret`: what a connector's shop signs its webhooks with. `basis`: of SOURCE_BASES, on what grounds a server tells
    of people, and where that is written down.
    """
    key_kind = "publishable" if kind == "site" else "secret"
    with workspace_scope(workspace_id):
        source = EventSource.objects.create(
            workspace_id=workspace_id,
            key=key,
            name=name,
            kind=kind,
            makes_leads=kind != "site" if makes_leads is None else makes_leads,
            secret=encrypt(secret) if secret else "",
            basis=basis,
            basis_note=basis_note,
            created_at=at,
        )
        _, write_key = create_write_key(workspace_id=workspace_id, source_id=source.id, kind=key_kind, at=at)
    return source, write_key


def create_write_key(*, workspace_id: int, source_id: int, kind: str, at: datetime) -> tuple[WriteKey, str]:
    """One more key of a source, publishable or secret; the others stay good until they are revoked."""
    write_key = PREFIX[kind] + secrets.token_urlsafe(24)
    row = WriteKey.objects.create(
        workspace_id=workspace_id,
        source_id=source_id,
        kind=kind,
        key_hash=hash_token(write_key),
        shown=write_key if kind == "publishable" else write_key[-4:],
        created_at=at,
    )
    return row, write_key


def find_source(write_key: str) -> Source | None:
    """Whose write key this is; asked before the workspace is known. None: unknown, revoked, or its source stopped."""
    rows = fetch_all("SELECT * FROM event_source_by_key(%s)", [hash_token(write_key)])
    return Source(**rows[0]) if rows else None


@dataclass(frozen=True)
class Activity:
    """What a source sends. `today` is the workspace's day; `uncovered` came without consent and was only counted."""

    last_seen_at: datetime | None
    today: int
    uncovered_today: int
    uncovered: int
    quarantined: int


def source_activity(*, workspace_id: int, at: datetime, time_zone: str) -> dict[int, Activity]:
    """{source id: activity} of every source, those of which nothing ever came too."""
    day = at.astimezone(ZoneInfo(time_zone)).date()
    parameters = {"workspace": workspace_id, "day": day, "utc_day": at.astimezone(UTC).date()}
    rows = fetch_all(load_sql("events", "source_activity"), parameters)
    return {row.pop("id"): Activity(**row) for row in rows}
