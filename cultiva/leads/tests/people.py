"""Events as sites, apps and servers send them, and the way they go."""

import itertools
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from cultiva.events.actions import LedgerEvent, NewEvent, claim_new_events, record_events, visitor_of
from cultiva.events.batch import Batch
from cultiva.leads.actions import lock_leads, project, resolve, save_lead
from cultiva.leads.attributes import define
from cultiva.leads.models import IdentityConflict, Lead, VisitorLink

SITE, APP = 1, 2
_numbers = itertools.count()


def visitor(workspace: Any, *, user: str = "", browser: str = "", source: int = SITE) -> uuid.UUID:
    return visitor_of(workspace_id=workspace.id, source_id=source, user_id=user, anonymous_id=browser)


def act(
    workspace: Any, at: datetime, kind: str = "page", *, user: str = "", browser: str = "", source: int = SITE,
    traits: dict[str, Any] | None = None, name: str = "", actor: str = "unknown", **context: Any,
) -> NewEvent:  # fmt: skip
    """One event of a sender, with the visitor and the context that the collector gives it."""
    ids = {"user_id": user, "anonymous_id": browser}
    return NewEvent(
        kind=kind, name=name, message_id=str(next(_numbers)), occurred_at=at, source_id=source, actor=actor,
        visitor=visitor(workspace, user=user, browser=browser, source=source), properties=traits or {},
        context={key: value for key, value in ids.items() if value} | context,
    )  # fmt: skip


def identify(
    workspace: Any, at: datetime, *, user: str = "", browser: str = "", email: str = "", **more: Any
) -> NewEvent:
    traits = more.pop("traits", {}) | ({"email": email} if email else {})
    return act(workspace, at, "identify", user=user, browser=browser, traits=traits, **more)


def alias(workspace: Any, at: datetime, *, previous: str, user: str, **more: Any) -> NewEvent:
    return act(workspace, at, "alias", user=user, previous_id=previous, **more)


def group(workspace: Any, at: datetime, *, of: str, **more: Any) -> NewEvent:
    return act(workspace, at, "group", group_id=of, **more)


def known_attributes(workspace: Any, at: datetime, **types: str) -> None:
    """{key: type}, defined before anybody has a value."""
    for key, type_ in types.items():
        define(workspace_id=workspace.id, subject="lead", key=key, type=type_, at=at)


def lead(workspace: Any, at: datetime, email: str = "", **more: Any) -> Lead:
    attributes = more.pop("attributes", {})
    return save_lead(
        workspace_id=workspace.id, email=email, attributes=attributes, source_kind="form", at=at, **more
    )[0]  # fmt: skip


def take(workspace: Any, at: datetime, *events: NewEvent) -> Batch:
    """The events, and what waited before them, through the inbox and the steps of this room."""
    record_events(workspace_id=workspace.id, events=events, received_at=at)
    return go(workspace, at, claim_new_events(workspace_id=workspace.id, limit=10_000))


def take_in_parts(workspace: Any, at: datetime, sizes: Iterator[int]) -> None:
    """What waits in the inbox, in batches of these sizes."""
    waiting = claim_new_events(workspace_id=workspace.id, limit=10_000)
    while waiting:
        size = next(sizes)
        go(workspace, at, waiting[:size])
        waiting = waiting[size:]


def go(workspace: Any, at: datetime, events: Sequence[LedgerEvent]) -> Batch:
    batch = Batch(workspace.id, at, list(events))
    resolve(batch)
    batch.lead_ids = lock_leads(workspace_id=workspace.id, lead_ids=batch.lead_ids)
    project(batch)
    return batch


def lead_of(workspace: Any, **who: Any) -> int | None:
    link = VisitorLink.objects.filter(workspace_id=workspace.id, visitor=visitor(workspace, **who)).first()
    return link.lead_id if link else None


def conflicts(workspace: Any) -> list[str]:
    found = IdentityConflict.objects.filter(workspace_id=workspace.id).order_by("id")
    return [each.reason for each in found]
