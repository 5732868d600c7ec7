"""Double opt-in, from asked to confirmed, expired or revoked; and what time does to consents."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.consent.actions import confirm, confirmation_token, withdraw
from cultiva.consent.models import Confirmation
from cultiva.consent.renewing import remind_pending, tell_expiring, unconfirmed_leads
from cultiva.consent.rules import publish_rules
from cultiva.consent.standing import record_contract
from cultiva.consent.tests.conftest import ask, prove
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.models import Event
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead
from cultiva.lib.signing import ExpiredLink

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def states(lead: Lead, at: datetime) -> list[str]:
    return [each.state_at(at) for each in Confirmation.objects.filter(lead_id=lead.id).order_by("id")]


def told(lead: Lead, name: str) -> list[dict[str, Any]]:
    found = Event.objects.filter(workspace_id=lead.workspace_id, lead_id=lead.id, name=name).order_by("id")
    return [event.properties for event in found]


def test_a_confirmation_is_pending_until_it_is_confirmed_expired_or_revoked(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at, "marketing")
    first = ask(ana, at)
    assert first
    assert states(ana, at + HOUR) == ["pending"]
    assert states(ana, at + 80 * HOUR) == ["expired"]
    prove(ana, at + 2 * HOUR)
    assert states(ana, at + 2 * HOUR) == ["pending", "confirmed"]
    withdraw(workspace_id=huerta.id, lead_id=ana.id, purpose="marketing", channel="email", at=at + 3 * HOUR)
    assert states(ana, at + 3 * HOUR) == ["revoked", "confirmed"]
    with pytest.raises(ExpiredLink):
        confirm(token=confirmation_token(first), at=at + 4 * HOUR)


def test_whoever_does_not_confirm_is_reminded_once_and_never_again(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at, "marketing")
    ask(ana, at)
    assert remind_pending(workspace_id=huerta.id, at=at + 23 * HOUR) == 0
    assert remind_pending(workspace_id=huerta.id, at=at + 25 * HOUR) == 1
    assert remind_pending(workspace_id=huerta.id, at=at + 26 * HOUR) == 0
    asked = ask(ana, at + 48 * HOUR)
    assert asked
    assert remind_pending(workspace_id=huerta.id, at=at + 100 * HOUR) == 0
    reminded = Confirmation.objects.exclude(reminded_at=None).get()
    assert told(ana, "confirmation_reminded") == [{"reminder": reminded.id}]


@pytest.mark.parametrize("how", ["confirmed", "withdrawn", "expired"])
def test_nobody_is_reminded_of_what_is_over(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime, how: str
) -> None:
    accept(ana, at, "marketing")
    ask(ana, at)
    if how == "confirmed":
        prove(ana, at + HOUR)
    if how == "withdrawn":
        withdraw(workspace_id=huerta.id, lead_id=ana.id, purpose="marketing", channel="email", at=at + HOUR)
    assert remind_pending(workspace_id=huerta.id, at=at + (80 if how == "expired" else 30) * HOUR) == 0


def test_who_never_confirmed_is_not_kept_after_thirty_days_but_who_asked_for_a_quote_is(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    def come(name: str, objective: str = "content") -> Lead:
        lead, _ = save_lead(
            workspace_id=huerta.id, email=f"{name}@example.com", attributes={}, language="es", source_kind="form", at=at
        )
        accept(lead, at, "marketing")
        ask(lead, at)
        asked = NewEvent(
            kind="track", name="form_submitted", message_id=name, occurred_at=at, lead_id=lead.id,
            properties={"form": "f", "objective": objective},
        )  # fmt: skip
        record_events(workspace_id=huerta.id, events=[asked], received_at=at)
        return lead

    silent, quote, service = come("silent"), come("quote", "quote"), come("service", "service")
    confirmed, customer, late = come("confirmed"), come("customer"), come("late")
    prove(confirmed, at + HOUR)
    record_contract(workspace_id=huerta.id, lead_id=customer.id, contract="C-1", at=at + HOUR)
    ask(late, at + 20 * DAY)
    assert unconfirmed_leads(workspace_id=huerta.id, at=at + 29 * DAY) == []
    assert unconfirmed_leads(workspace_id=huerta.id, at=at + 31 * DAY) == [silent.id]
    assert unconfirmed_leads(workspace_id=huerta.id, at=at + 51 * DAY) == [silent.id, late.id]
    assert quote.id != service.id


def test_a_consent_about_to_end_is_told_once_and_again_after_it_was_renewed(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    publish_rules(workspace_id=huerta.id, text="consent_rules: workspace\njurisdiction: ES", at=at)
    accept(ana, at, "phone", "marketing")
    assert tell_expiring(workspace_id=huerta.id, at=at + 690 * DAY) == 0
    assert tell_expiring(workspace_id=huerta.id, at=at + 705 * DAY) == 1
    assert tell_expiring(workspace_id=huerta.id, at=at + 706 * DAY) == 0
    assert told(ana, "expiring") == [{"purpose": "phone", "channel": "phone"}]
    accept(ana, at + 710 * DAY, "phone")
    assert tell_expiring(workspace_id=huerta.id, at=at + 711 * DAY) == 0
    assert tell_expiring(workspace_id=huerta.id, at=at + 1415 * DAY) == 1
