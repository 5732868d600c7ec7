"""What tests of bulk actions begin with: Huerta's leads, staff who may act on them, and an action taken to its end."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest

from cultiva.accounts.actions import create_user, grant_role
from cultiva.accounts.models import Role, User
from cultiva.bulk.models import BulkAction
from cultiva.bulk.running import create_action, go_on, start
from cultiva.bulk.undoing import go_on_undoing, start_undo
from cultiva.consent.actions import publish_policy, publish_purpose
from cultiva.consent.tests.documents import MARKETING, POLICY
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead, LeadState
from cultiva.leads.projecting import project_leads
from cultiva.segments.actions import pin_leads, save_segment
from cultiva.segments.models import Segment

Act = Callable[..., BulkAction]


@pytest.fixture
def lawful(huerta: Any, at: datetime) -> Any:
    publish_policy(workspace_id=huerta.id, text=POLICY, at=at)
    publish_purpose(workspace_id=huerta.id, text=MARKETING, at=at)
    return huerta


@pytest.fixture
def eva(huerta: Any, at: datetime) -> User:
    user = create_user(email="eva@huerta.example", full_name="Eva Gil", language="en", at=at)
    grant_role(workspace_id=huerta.id, user=user, role=Role.SALES, at=at)
    return user


@pytest.fixture
def people(lawful: Any, at: datetime) -> list[Lead]:
    """Ana and Bea make wine, Carlos fruit; Ana has a tag."""
    known: list[dict[str, Any]] = [
        {"first_name": "Ana", "sector": "vino", "hectares": 12, "tags": ["vip"]},
        {"first_name": "Bea", "sector": "vino", "hectares": 3, "phone": "+34600111222"},
        {"first_name": "Carlos", "sector": "fruta"},
    ]
    made = [
        save_lead(
            workspace_id=lawful.id, email=f"{each['first_name'].lower()}@example.com", attributes=each, language="es",
            source_kind="form", at=at,
        )[0]
        for each in known
    ]  # fmt: skip
    settle(lawful, at)
    return made


def settle(workspace: Any, at: datetime) -> None:
    """Rows as the ledger alone tells them; what `flow` does after each event."""
    ids = list(LeadState.objects.filter(workspace_id=workspace.id).values_list("lead_id", flat=True))
    project_leads(workspace_id=workspace.id, lead_ids=ids, at=at)


@pytest.fixture
def act(lawful: Any, eva: User, at: datetime) -> Act:
    """act("add_tag", {"tag": "feria"}, leads): counted, confirmed and done."""

    def act(kind: str, settings: dict[str, Any], leads: Sequence[Lead] | dict[str, Any], **more: Any) -> BulkAction:
        when = more.get("when", at)
        selection = leads if isinstance(leads, dict) else {"leads": [lead.id for lead in leads]}
        action = create_action(
            workspace_id=lawful.id, kind=kind, settings=settings, selection=selection, by=f"user:{eva.id}", at=when,
            created_by=eva,
        )  # fmt: skip
        action = go_on(action=start(action=action, at=when, by=action.by), now=lambda: when)
        assert action.state == "done", action.problem
        return action

    return act


def undo(action: BulkAction, at: datetime) -> BulkAction:
    action = go_on_undoing(action=start_undo(action=action, at=at, by=action.by), now=lambda: at)
    assert action.state == "undone", action.problem
    return action


def known_of(lead: Lead) -> dict[str, Any]:
    attributes: dict[str, Any] = Lead.objects.get(id=lead.id).attributes
    return attributes


@pytest.fixture
def fair(lawful: Any, people: list[Lead], at: datetime) -> Segment:
    """A fixed segment with Ana in it."""
    segment = save_segment(workspace_id=lawful.id, name="Feria", kind="fixed", by="user:1", at=at)
    pin_leads(
        workspace_id=lawful.id, segment_id=segment.id, lead_ids=[people[0].id], is_included=True, by="user:1", at=at
    )
    return segment
