"""Who is erased unasked: who never proved their address, and, once a person switched it on, who has gone quiet."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.accounts.models import AuditEntry
from cultiva.consent.models import Suppression
from cultiva.consent.rules import publish_rules, rules_of
from cultiva.consent.standing import record_contract
from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead, LeadState
from cultiva.lib.documents import DocumentError
from cultiva.privacy.models import Erasure
from cultiva.privacy.requests import receive_request
from cultiva.privacy.retention import due_leads, erase_due, inactive_leads
from tests.known_person import settle

DAY = timedelta(days=1)
RULES = "consent_rules: workspace\njurisdiction: ES\nerase_after: {inactive_months: 12}"


def come(huerta: Any, name: str, at: datetime) -> Lead:
    lead, _ = save_lead(
        workspace_id=huerta.id,
        email=f"{name}@example.com",
        attributes={"first_name": name},
        source_kind="import",
        at=at,
    )
    return lead


def act(lead: Lead, name: str, at: datetime, actor: str = "human") -> None:
    event = NewEvent(kind="track", name=name, message_id=f"{name}{lead.id}{at}", occurred_at=at, lead_id=lead.id,
                     actor=actor)  # fmt: skip
    record_events(workspace_id=lead.workspace_id, events=[event], received_at=at)
    settle(lead.workspace, at)


def test_who_did_nothing_themselves_for_so_long_is_quiet_and_opened_mails_do_not_count(
    huerta: Any, at: datetime
) -> None:
    quiet, visitor, reader, robot, customer, asker, contract = (
        come(huerta, name, at) for name in ("quiet", "visitor", "reader", "robot", "customer", "asker", "contract")
    )
    act(visitor, "demo_watched", at + 200 * DAY)
    act(reader, "email_opened", at + 200 * DAY)
    act(robot, "demo_watched", at + 200 * DAY, actor="machine")
    LeadState.objects.filter(lead=customer).update(stage="customer")
    record_contract(workspace_id=huerta.id, lead_id=contract.id, contract="C-1", at=at)
    receive_request(workspace_id=huerta.id, kind="access", way="mail", at=at, by="user:1", lead_id=asker.id, text="?")
    assert inactive_leads(workspace_id=huerta.id, months=12, at=at + 364 * DAY) == []
    later = at + 366 * DAY
    assert inactive_leads(workspace_id=huerta.id, months=12, at=later) == [quiet.id, reader.id, robot.id]
    assert due_leads(workspace_id=huerta.id, at=later) == []  # nobody switched it on


def test_who_is_not_kept_is_erased_without_a_suppression_and_may_come_back(huerta: Any, at: datetime) -> None:
    quiet, visitor = come(huerta, "quiet", at), come(huerta, "visitor", at)
    act(visitor, "demo_watched", at + 200 * DAY)
    publish_rules(workspace_id=huerta.id, text=RULES, at=at)
    later = at + 366 * DAY
    assert erase_due(workspace_id=huerta.id, at=later) == 1
    assert erase_due(workspace_id=huerta.id, at=later) == 0
    quiet.refresh_from_db()
    assert not quiet.email
    assert Erasure.objects.get().by == "system"
    assert AuditEntry.objects.filter(workspace_id=huerta.id, action="lead.erased").count() == 1
    assert not Suppression.objects.filter(workspace_id=huerta.id).exists()
    again = come(huerta, "quiet", later)
    assert again.id != quiet.id
    assert not quiet.attributes


def test_a_run_stops_when_its_turn_is_over_and_the_next_goes_on(huerta: Any, at: datetime) -> None:
    for name in ("one", "two", "three"):
        come(huerta, name, at)
    publish_rules(workspace_id=huerta.id, text=RULES, at=at)
    turns = iter([False, True])
    later = at + 366 * DAY
    assert erase_due(workspace_id=huerta.id, at=later, must_stop=lambda: next(turns)) == 1
    assert erase_due(workspace_id=huerta.id, at=later) == 2


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("{unconfirmed_days: 3}", "erase_after.unconfirmed_days"),
        ("{inactive_months: true}", "erase_after.inactive_months"),
        ("{inactive_month: 3}", "inactive_months"),
    ],
)
def test_a_period_that_cannot_be_is_refused_by_name(huerta: Any, at: datetime, given: str, named: str) -> None:
    with pytest.raises(DocumentError, match=named):
        publish_rules(
            workspace_id=huerta.id, text=f"consent_rules: workspace\njurisdiction: ES\nerase_after: {given}", at=at
        )
    assert rules_of(huerta.id).unconfirmed_days == 30
