"""Who is who: visitors, users, addresses, and the leads they turn out to be."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.leads.actions import LeadConflict, find_lead, save_lead
from cultiva.leads.models import Lead, LeadAlias, LeadState, VisitorLink
from cultiva.leads.tests.people import APP, act, alias, conflicts, identify, lead, lead_of, take, visitor
from cultiva.lib.database import fetch_all, workspace_scope

HOUR = timedelta(hours=1)


def test_a_lead_before_the_identify(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@example.com")
    take(huerta, at, act(huerta, at - HOUR, browser="b1"))
    batch = take(huerta, at, identify(huerta, at, browser="b1", email="ANA@example.com"))
    assert batch.lead_ids == [ana.id]
    assert lead_of(huerta, browser="b1") == ana.id
    assert LeadState.objects.get(lead_id=ana.id).last_seen_at == at - HOUR


def test_an_identify_before_the_lead(huerta: Any, at: datetime) -> None:
    take(huerta, at, act(huerta, at - HOUR, browser="b1"), identify(huerta, at, browser="b1", email="ana@example.com"))
    assert lead_of(huerta, browser="b1") is None
    assert not Lead.objects.filter(workspace_id=huerta.id).exists()
    ana = lead(huerta, at, "ana@example.com")
    batch = take(huerta, at + HOUR)
    assert batch.lead_ids == [ana.id]
    link = VisitorLink.objects.get(workspace_id=huerta.id)
    assert (link.lead_id, link.linked_at) == (ana.id, at + HOUR)
    assert LeadState.objects.get(lead_id=ana.id).last_seen_at == at - HOUR


def test_two_devices_of_one_user_are_one_lead(huerta: Any, at: datetime) -> None:
    take(
        huerta, at,
        identify(huerta, at, user="7", browser="phone"),
        identify(huerta, at, user="7", browser="laptop", email="ana@example.com"),
        identify(huerta, at, browser="tablet", email="ana@example.com"),
    )  # fmt: skip
    ana = lead(huerta, at, "ana@example.com")
    take(huerta, at)
    for browser in ("phone", "laptop", "tablet"):
        assert lead_of(huerta, browser=browser) == ana.id, browser
    assert lead_of(huerta, user="7") == ana.id
    assert Lead.objects.get(id=ana.id).external_id == "7"
    assert conflicts(huerta) == []


def test_a_chain_of_three_hops(huerta: Any, at: datetime) -> None:
    """A browser is a user, who is another user, who has the address."""
    for events in (
        [identify(huerta, at, user="old", browser="b1")],
        [alias(huerta, at, previous="old", user="new")],
        [identify(huerta, at, user="new", email="ana@example.com")],
    ):
        assert take(huerta, at, *events).lead_ids == []
    ana = lead(huerta, at, "ana@example.com")
    assert take(huerta, at).lead_ids == [ana.id]
    assert {lead_of(huerta, browser="b1"), lead_of(huerta, user="old"), lead_of(huerta, user="new")} == {ana.id}


def test_an_alias_names_a_browser_of_its_own_source(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@example.com")
    take(
        huerta, at, alias(huerta, at, previous="b1", user="7"), identify(huerta, at, user="7", email="ana@example.com")
    )
    assert lead_of(huerta, browser="b1") == ana.id
    assert lead_of(huerta, browser="b1", source=APP) is None


def test_a_user_is_who_the_browser_was_before_signing_up(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@example.com")
    take(huerta, at, identify(huerta, at, browser="b1", email="ana@example.com"))
    take(huerta, at, identify(huerta, at, user="7", browser="b1"))
    assert lead_of(huerta, user="7") == ana.id


@pytest.mark.parametrize("has_user", [True, False])
def test_a_second_person_on_a_browser_takes_nothing(huerta: Any, at: datetime, has_user: bool) -> None:
    ana, bea = lead(huerta, at, "ana@example.com"), lead(huerta, at, "bea@example.com")
    user = "8" if has_user else ""
    take(huerta, at, identify(huerta, at, browser="b1", email="ana@example.com", traits={"city": "Jerez"}))
    batch = take(
        huerta, at,
        identify(huerta, at, user=user, browser="b1", email="bea@example.com", traits={"city": "Soria"}),
        act(huerta, at, user=user, browser="b1"),
    )  # fmt: skip
    assert lead_of(huerta, browser="b1") == ana.id
    assert conflicts(huerta) == ["another_address"]
    assert Lead.objects.get(id=ana.id).attributes["city"] == "Jerez"
    assert Lead.objects.get(id=bea.id).attributes.get("city") == ("Soria" if has_user else None)
    assert batch.lead_ids == [bea.id if has_user else ana.id]


def test_a_second_user_on_a_browser_is_another_person(huerta: Any, at: datetime) -> None:
    take(huerta, at, identify(huerta, at, user="7", browser="b1"), identify(huerta, at, user="8", browser="b1"))
    ana = lead(huerta, at, external_id="7")
    bea = lead(huerta, at, external_id="8")
    take(huerta, at)
    assert (lead_of(huerta, browser="b1"), lead_of(huerta, user="7"), lead_of(huerta, user="8")) == (
        ana.id, ana.id, bea.id,
    )  # fmt: skip
    assert conflicts(huerta) == ["another_user"]


def test_a_user_who_is_a_lead_gives_the_address_of_another(huerta: Any, at: datetime) -> None:
    ana, bea = lead(huerta, at, "ana@example.com", external_id="7"), lead(huerta, at, "bea@example.com")
    take(huerta, at, identify(huerta, at, user="7", email="bea@example.com"))
    assert lead_of(huerta, user="7") == ana.id
    assert conflicts(huerta) == ["address_of_another_lead"]
    assert find_lead(workspace_id=huerta.id, email="bea@example.com") == bea


def test_a_user_may_change_their_address(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@example.com", external_id="7")
    take(huerta, at, identify(huerta, at, user="7", email="ana.new@example.com"))
    assert conflicts(huerta) == []
    assert Lead.objects.get(id=ana.id).email == "ana@example.com"


def test_a_lead_keeps_their_address_where_another_one_comes_in_the_same_batch(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@example.com", external_id="7")
    take(huerta, at, identify(huerta, at, user="7", email="bea@example.com", is_secret=True, makes_leads=True))
    assert Lead.objects.get(id=ana.id).email == "ana@example.com"
    bea = lead(huerta, at, "bea@example.com")
    take(huerta, at, identify(huerta, at, browser="b1", email="bea@example.com"))
    assert lead_of(huerta, browser="b1") == bea.id


def test_only_a_secret_source_makes_leads(huerta: Any, at: datetime) -> None:
    told: dict[str, Any] = {"user": "7", "email": "ana@example.com", "traits": {"first_name": "Ana"}}
    contexts: list[dict[str, Any]] = [{}, {"makes_leads": True}, {"is_secret": True}]
    for context in contexts:
        assert take(huerta, at, identify(huerta, at, **told, **context)).lead_ids == []
    trusted: dict[str, Any] = {"is_secret": True, "makes_leads": True}
    batch = take(huerta, at, act(huerta, at, user="7"), identify(huerta, at, **told, **trusted))
    ana = Lead.objects.get(workspace_id=huerta.id)
    assert batch.lead_ids == [ana.id]
    assert (ana.email, ana.source_kind, ana.external_id, ana.attributes) == (
        "ana@example.com", "event", "7", {"first_name": "Ana", "email": "ana@example.com"},
    )  # fmt: skip
    assert LeadState.objects.get(lead_id=ana.id).stage == "lead"
    take(huerta, at, identify(huerta, at, user="8", email="ana@example.com", **trusted))
    assert lead_of(huerta, user="8") == ana.id


def test_a_secret_source_makes_one_lead_a_telephone(huerta: Any, at: datetime) -> None:
    trusted: dict[str, Any] = {"is_secret": True, "makes_leads": True}
    take(
        huerta, at,
        *(identify(huerta, at, user=user, traits={"phone": "+34600000001"}, **trusted) for user in ("7", "8")),
    )  # fmt: skip
    (made,) = Lead.objects.filter(workspace_id=huerta.id)
    assert made.phone_key == "+34600000001"
    assert lead_of(huerta, user="8") == made.id
    take(huerta, at, identify(huerta, at, user="7", email="ana@example.com", is_secret=True))
    assert Lead.objects.get(id=made.id).email_key == "ana@example.com"
    assert take(huerta, at, identify(huerta, at, browser="b1", email="ana@example.com")).lead_ids == [made.id]


def test_a_merged_lead_is_followed(huerta: Any, at: datetime) -> None:
    ana, bea = lead(huerta, at, "ana@example.com"), lead(huerta, at, "bea@example.com")
    take(huerta, at)
    LeadAlias.objects.create(workspace_id=huerta.id, merged=bea, lead=ana)
    Lead.objects.filter(id=bea.id).update(merged_into=ana)
    batch = take(huerta, at, identify(huerta, at, browser="b1", email="bea@example.com"))
    assert batch.lead_ids == [ana.id]
    assert lead(huerta, at, "bea@example.com") == ana
    assert find_lead(workspace_id=huerta.id, email="bea@example.com") == ana


def test_another_workspace_has_its_own_people(huerta: Any, other_co: Any, at: datetime) -> None:
    take(huerta, at, identify(huerta, at, user="7", browser="b1", email="ana@example.com"))
    with workspace_scope(other_co.id):
        lead(other_co, at, "ana@example.com", external_id="7")
        take(other_co, at)
        assert lead_of(other_co, user="7") is not None
        assert lead_of(other_co, browser="b1") is None
    assert take(huerta, at).lead_ids == []
    assert lead_of(huerta, user="7") is None
    assert visitor(huerta, user="7") != visitor(other_co, user="7")


def test_ids_that_say_nothing_are_nobody(huerta: Any, at: datetime) -> None:
    events = [identify(huerta, at, browser=f"b{n}", email="") for n in range(3)]
    for event, word in zip(events, ("null", "undefined", "guest"), strict=True):
        event.context["user_id"] = word
    take(huerta, at, *events)
    assert fetch_all("SELECT 1 FROM visitor_claim") == []


def test_identifiers_of_two_leads_are_refused(huerta: Any, at: datetime) -> None:
    ana, bea = lead(huerta, at, "ana@example.com"), lead(huerta, at, external_id="8")
    with pytest.raises(LeadConflict) as conflict:
        save_lead(
            workspace_id=huerta.id, email="ana@example.com", external_id="8", attributes={}, source_kind="api", at=at
        )
    assert conflict.value.candidates == [ana.id, bea.id]


def test_a_lead_is_found_by_every_user_id_of_theirs(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@example.com", external_id="7")
    take(huerta, at, identify(huerta, at, user="8", email="ana@example.com"))
    assert find_lead(workspace_id=huerta.id, external_id="8") == ana
    assert lead(huerta, at, external_id="8") == ana
    assert Lead.objects.get(id=ana.id).external_id == "7"


def test_a_telephone_names_only_who_has_nothing_else(huerta: Any, at: datetime) -> None:
    first = lead(huerta, at, phone="600 000 001")
    assert lead(huerta, at, phone="+34 600 000 001") == first
    assert first.phone_key == "+34600000001"
    ana = lead(huerta, at, "ana@example.com", phone="600000001")
    assert ana == first
    assert lead(huerta, at, phone="600000001") != first
