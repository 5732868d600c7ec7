"""Campaigns: tagged links, documents that say all that is wrong, and what came of them by first and last touch."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cultiva.capture.campaigns.actions import find_campaign, save_campaign, settings_of
from cultiva.capture.campaigns.as_files import CampaignFile
from cultiva.capture.campaigns.documents import Link, document_of, read_campaign
from cultiva.capture.campaigns.figures import FIRST, LAST, Figures, campaign_figures
from cultiva.consent.models import ConsentMark
from cultiva.events.actions import NewEvent, record_events, visitor_of
from cultiva.leads.actions import link_visitor, save_lead
from cultiva.leads.commerce import recount
from cultiva.leads.models import Lead
from cultiva.lib.documents import DocumentError

SPRING = {
    "campaign": "primavera",
    "name": "Primavera",
    "objective": "content",
    "starts_on": "2026-03-01",
    "budget": 1000,
    "currency": "EUR",
    "links": [{"url": "https://huerta.example/guia", "source": "linkedin", "medium": "cpc"}],
    "costs": [{"day": "2026-03-02", "amount": 90.0, "note": "anuncios"}, {"day": "2026-04-02", "amount": 500.0}],
}


def make(workspace: Any, at: datetime, document: dict[str, Any]) -> None:
    settings = read_campaign(document, workspace_id=workspace.id)
    save_campaign(workspace_id=workspace.id, settings=settings, by="user:1", at=at)


class Person:
    """A browser, and the lead it becomes."""

    def __init__(self, workspace: Any, name: str) -> None:
        self.workspace, self.name, self.count = workspace, name, 0
        self.visitor = visitor_of(workspace_id=workspace.id, source_id=1, anonymous_id=name)

    def acts(self, at: datetime, name: str = "page", campaign: str = "", **more: Any) -> "Person":
        self.count += 1
        event = NewEvent(
            kind="page" if name == "page" else "track", name=name, message_id=f"{self.name}{self.count}",
            occurred_at=at, source_id=1, visitor=self.visitor,
            context={"campaign": {"name": campaign, "source": "linkedin"}} if campaign else {}, **more,
        )  # fmt: skip
        record_events(workspace_id=self.workspace.id, events=[event], received_at=at)
        return self

    def becomes_a_lead(self, at: datetime, *, is_valid: bool = True) -> Lead:
        lead, _ = save_lead(
            workspace_id=self.workspace.id, email=f"{self.name}@x.example", attributes={}, source_kind="form", at=at
        )  # fmt: skip
        if is_valid:
            ConsentMark.objects.create(workspace=self.workspace, lead=lead, valid_since=at, profiled_since=at)
        link_visitor(workspace_id=self.workspace.id, visitor=self.visitor, lead_id=lead.id, at=at)
        return lead


def test_what_came_of_a_campaign_is_told_by_first_or_by_last_touch(huerta: Any, at: datetime) -> None:
    make(huerta, at, SPRING)
    make(huerta, at, {"campaign": "boletin", "objective": "subscription"})
    day = timedelta(days=1)
    Person(huerta, "nadie").acts(at - 5 * day, campaign="Primavera")  # the case of a name does not matter
    Person(huerta, "robot").acts(at - 5 * day, campaign="primavera", actor="machine")
    ana = Person(huerta, "ana").acts(at - 5 * day, campaign="primavera").acts(at - 2 * day, campaign="boletin")
    customer = ana.becomes_a_lead(at - 4 * day)
    luis = Person(huerta, "luis").acts(at - 5 * day, campaign="primavera")
    luis.becomes_a_lead(at - 4 * day, is_valid=False)
    old = Person(huerta, "vieja")
    old.becomes_a_lead(at - 30 * day)
    old.acts(at - day, campaign="primavera")
    sale = {"order_id": "7", "total": 270, "currency": "EUR"}
    ana.acts(at - day, "Order Completed", properties=sale)
    ana.acts(at - 6 * day, "Order Completed", properties=sale | {"order_id": "6"})  # before she came by it
    recount(workspace_id=huerta.id, lead_ids=[customer.id])
    first = campaign_figures(workspace_id=huerta.id, touch=FIRST, at=at)["primavera"]
    assert first == Figures(
        visitors=4, leads=2, valid=1, qualified=1, customers=1, cost=Decimal(90), value=Decimal(270)
    )  # fmt: skip
    assert (first.cost_of("visitors"), first.cost_of("leads"), first.roi) == (Decimal("22.50"), Decimal(45), Decimal(2))
    last = campaign_figures(workspace_id=huerta.id, touch=LAST, at=at)
    assert (last["primavera"].visitors, last["primavera"].leads, last["primavera"].value) == (3, 1, Decimal(0))
    assert (last["boletin"].visitors, last["boletin"].customers, last["boletin"].value) == (1, 1, Decimal(270))
    assert last["boletin"].roi is None
    assert last["boletin"].cost_of("leads") is None


def test_other_co_sees_nothing_of_it(huerta: Any, other_co: Any, at: datetime) -> None:
    make(huerta, at, SPRING)
    assert campaign_figures(workspace_id=other_co.id, touch=LAST, at=at) == {}


@pytest.mark.parametrize(
    ("url", "more", "wanted"),
    [
        ("https://h.example/", {}, "https://h.example/?utm_source=x&utm_medium=social&utm_campaign=k"),
        (
            "https://h.example/a?p=1&UTM_Source=old#top", {"content": "azul", "term": "riego"},
            "https://h.example/a?p=1&utm_source=x&utm_medium=social&utm_campaign=k&utm_content=azul&utm_term=riego#top",
        ),
    ],
)  # fmt: skip
def test_a_link_gets_its_tags_and_keeps_all_else(url: str, more: dict[str, str], wanted: str) -> None:
    assert Link(url, "x", "social", **more).address("k") == wanted


def test_all_that_is_wrong_with_a_campaign_is_told_at_once(huerta: Any) -> None:
    wrong = SPRING | {
        "objective": "fame", "ends_on": "2026-02-01", "currency": "euros", "members": {"form": ["none"]},
        "links": [{"url": "javascript:alert(1)", "source": "Linked In", "medium": "cpc"}],
        "costs": [{"day": "soon", "amount": -1}],
    }  # fmt: skip
    with pytest.raises(DocumentError) as caught:
        read_campaign(wrong, workspace_id=huerta.id)
    assert [each.place for each in caught.value.errors] == [
        "ends_on", "objective", "currency", "links[0].url", "links[0].source", "costs[0].day", "costs[0].amount",
        "members.form[0]",
    ]  # fmt: skip


def test_a_campaign_is_a_file_that_comes_back_as_it_was(huerta: Any, at: datetime) -> None:
    kind = CampaignFile()
    make(huerta, at, SPRING)
    present = kind.find(huerta.id, "primavera")
    assert present is not None
    assert (present.body, present.version) == (SPRING, 1)
    again: dict[str, Any] = {"workspace_id": huerta.id, "attachments": {}, "by": "cli", "at": at}
    kind.publish(text=present.text, **again)
    kind.publish(text=present.text.replace("Primavera", "Marzo"), **again)
    changed = find_campaign(huerta.id, "primavera")
    assert changed is not None
    assert (changed.name, changed.revision) == ("Marzo", 2)
    assert document_of(settings_of(changed)) == SPRING | {"name": "Marzo"}
    kind.delete(workspace_id=huerta.id, key="primavera", by="cli", at=at)
    assert kind.present(huerta.id) == {}
