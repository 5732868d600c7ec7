"""Sources: who may send events, by write key."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from cultiva.events.models import EventSource
from cultiva.lib.database import fetch_all, workspace_scope
from cultiva.lib.signing import hash_token


@dataclass(frozen=True)
class Source:
    workspace_id: int
    id: int


def create_source(*, workspace_id: int, key: str, name: str, at: datetime) -> tuple[EventSource, str]:
    """A new source and its write key, which is shown once and stored as a hash."""
    write_key = "wk_" + secrets.token_urlsafe(24)
    with workspace_scope(workspace_id):
        source = EventSource.objects.create(
            workspace_id=workspace_id, key=key, name=name, write_key_hash=hash_token(write_key), created_at=at
        )
    return source, write_key


def find_source(write_key: str) -> Source | None:
    """Whose write key this is; asked before the workspace is known."""
    rows = fetch_all("SELECT * FROM event_source_by_key(%s)", [hash_token(write_key)])
    return Source(**rows[0]) if rows else None
