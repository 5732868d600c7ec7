"""What staff change about sources, each change with its line in the audit log."""

import re
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from cultiva.accounts.actions import record_audit
from cultiva.events.models import EventSource, WriteKey
from cultiva.events.sources import create_source, create_write_key

ORIGIN = re.compile(r"https?://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:\d{1,5})?")
# The fields that staff set; the rest of a source is made once or by a connector.
SETTINGS = (
    "name", "allowed_origins", "requires_tracking_consent", "consent_category", "makes_leads", "requests_per_second",
    "basis", "basis_note",
)  # fmt: skip


class SourceKeyTaken(ValueError):
    """Another source of the workspace has this key."""


class BadOrigin(ValueError):
    """Not an origin as browsers send it; the message quotes it."""


def add_source(
    *, workspace_id: int, key: str, name: str, kind: str, by: str, at: datetime, basis: str = "", basis_note: str = ""
) -> tuple[EventSource, str]:
    """A source and its first write key, which is shown this once if it is secret. Raises SourceKeyTaken."""
    try:
        with transaction.atomic():
            source, write_key = create_source(
                workspace_id=workspace_id, key=key, name=name, kind=kind, basis=basis, basis_note=basis_note, at=at
            )
    except IntegrityError as error:
        raise SourceKeyTaken(key) from error
    _audit(source, "source.created", by, at, {"kind": kind} | ({"basis": basis} if basis else {}))
    return source, write_key


def change_source(*, source: EventSource, settings: dict[str, Any], by: str, at: datetime) -> list[str]:
    """Set some of SETTINGS; returns the names of those that changed."""
    changed = [name for name in SETTINGS if name in settings and settings[name] != getattr(source, name)]
    if changed:
        detail = {name: {"from": getattr(source, name), "to": settings[name]} for name in changed}
        for name in changed:
            setattr(source, name, settings[name])
        source.save(update_fields=changed)
        _audit(source, "source.changed", by, at, detail)
    return changed


def add_write_key(*, source: EventSource, kind: str, by: str, at: datetime) -> tuple[WriteKey, str]:
    row, write_key = create_write_key(workspace_id=source.workspace_id, source_id=source.id, kind=kind, at=at)
    _audit(source, "write_key.created", by, at, {"key": row.id, "kind": kind})
    return row, write_key


def revoke_write_key(*, source: EventSource, key_id: int, by: str, at: datetime) -> bool:
    """From now on nobody sends with it; False where there is no such key or it was revoked before."""
    keys = WriteKey.objects.filter(workspace_id=source.workspace_id, source_id=source.id, id=key_id, revoked_at=None)
    if not keys.update(revoked_at=at):
        return False
    _audit(source, "write_key.revoked", by, at, {"key": key_id})
    return True


def stop_source(*, source: EventSource, by: str, at: datetime) -> bool:
    """All its keys are unknown from now on; what it sent stays. False where it was stopped before."""
    return _set_stopped(source, at, "source.stopped", by, at)


def resume_source(*, source: EventSource, by: str, at: datetime) -> bool:
    """The keys that were not revoked are good again."""
    return _set_stopped(source, None, "source.resumed", by, at)


def read_origins(text: str) -> list[str]:
    """Origins, one a line, as browsers name them: scheme, host, port. Raises BadOrigin."""
    found = dict.fromkeys(line.strip().lower().rstrip("/") for line in text.splitlines() if line.strip())
    for origin in found:
        if not ORIGIN.fullmatch(origin):
            raise BadOrigin(origin)
    return list(found)


def _set_stopped(source: EventSource, value: datetime | None, action: str, by: str, at: datetime) -> bool:
    if (source.stopped_at is None) == (value is None):
        return False
    source.stopped_at = value
    source.save(update_fields=["stopped_at"])
    _audit(source, action, by, at, {})
    return True


def _audit(source: EventSource, action: str, by: str, at: datetime, detail: dict[str, Any]) -> None:
    record_audit(
        workspace_id=source.workspace_id, actor=by, action=action, target=f"source:{source.key}", detail=detail, at=at
    )
