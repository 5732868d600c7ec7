"""Leads and events for the tests of criteria and scoring, written as they are stored."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.models import Lead, VisitorLink
from cultiva.leads.tests.undone import Undone, against_the_database
from cultiva.lib.database import fetch_all
from cultiva.lib.folding import folded_where_different

__all__ = ["Act", "Person", "Undone", "against_the_database", "make_months", "make_people", "pasted"]

Json = dict[str, Any]


@dataclass(frozen=True)
class Act:
    """An event of a lead, by its age; `by_visitor` where the browser is known and not the person."""

    name: str
    age: timedelta = timedelta(0)
    kind: str = "track"
    properties: Json = field(default_factory=dict)
    actor: str = "human"
    by_visitor: bool = False


@dataclass(frozen=True)
class Person:
    attributes: Json = field(default_factory=dict)
    acts: Sequence[Act] = ()


def make_people(workspace: Any, people: Sequence[Person], at: datetime) -> list[int]:
    """Leads with their attributes and events; returns their ids, in order."""
    leads = [_make_lead(workspace, person, at) for person in people]
    events = []
    for lead, person in zip(leads, people, strict=True):
        visitor = uuid.uuid4()
        VisitorLink.objects.create(workspace=workspace, visitor=visitor, lead=lead, linked_at=at)
        events += [_event(act, lead, visitor, at) for act in person.acts]
    record_events(workspace_id=workspace.id, events=events, received_at=None)
    return [lead.id for lead in leads]


def _make_lead(workspace: Any, person: Person, at: datetime) -> Lead:
    return Lead.objects.create(
        workspace=workspace,
        attributes=person.attributes,
        folded=folded_where_different(person.attributes) or None,
        source_kind="manual",
        created_at=at,
    )


def _event(act: Act, lead: Lead, visitor: uuid.UUID, at: datetime) -> NewEvent:
    return NewEvent(
        kind=act.kind,
        name=act.name if act.kind == "track" else "",
        message_id=str(uuid.uuid4()),
        occurred_at=at - act.age,
        visitor=visitor if act.by_visitor else None,
        lead_id=None if act.by_visitor else lead.id,
        actor=act.actor,
        properties=act.properties,
    )


def make_months(workspace: Any, *instants: datetime) -> None:
    """The partitions of these months, once for all examples of a test."""
    for instant in instants:
        fetch_all("SELECT event_make_partition(%s)::text", [instant.date()])


def pasted(document: Any) -> str:
    """A document as its author would paste it: JSON is YAML."""
    return json.dumps(document, ensure_ascii=False)
