"""Share buttons lead to the network and nowhere else, and visits from networks are told once."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.template import Context, Template
from django.test import Client

from cultiva.capture.social import network_of, share_path
from cultiva.events.actions import NewEvent, record_events, visitor_of
from cultiva.events.models import Event
from cultiva.flow import process_workspace
from cultiva.leads.actions import link_visitor, save_lead

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


def test_a_share_button_goes_to_the_network_with_a_tagged_address_and_counts(
    huerta: Any, at: datetime, client: Client
) -> None:
    lead, _ = save_lead(workspace_id=huerta.id, email="a@x.example", attributes={}, source_kind="form", at=at)
    path = share_path(slug="huerta", network="linkedin", url="https://h.example/guia", text="Guía", lead_id=lead.id)
    local = "/" + path.split("/", 3)[3]
    answer = client.get(local, headers=BROWSER)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(
        "https://www.linkedin.com/sharing/share-offsite/?url=https%3A%2F%2Fh.ex"
    )
    assert "utm_source%3Dlinkedin" in answer.headers["Location"]
    event = Event.objects.get(name="social")
    assert event.lead_id == lead.id
    assert event.properties == {"network": "linkedin", "action": "share", "url": "https://h.example/guia"}
    for wrong in (
        local.replace("guia", "otra"),
        local.replace("linkedin", "evil"),
        "/s/huerta/x?u=//evil&k=1",
        "/s/no/x",
    ):
        assert client.get(wrong, headers=BROWSER).status_code == 404
    assert client.get(local, headers={"User-Agent": "Slackbot-LinkExpanding 1.0"}).status_code == 302
    assert Event.objects.filter(name="social").count() == 1  # a program's visit is no share


def test_the_buttons_are_plain_links(huerta: Any) -> None:
    text = Template("{% load share %}{% share_buttons slug url title %}").render(
        Context({"slug": "huerta", "url": "https://h.example/", "title": '"><script>'})
    )
    assert text.count("<a ") == 5
    assert "<script" not in text
    assert 'rel="noopener nofollow"' in text


@pytest.mark.parametrize(
    ("name", "network"),
    [("LinkedIn", "linkedin"), ("l.instagram.com", "instagram"), ("fb", "facebook"), ("t.co", "x"), ("google", "")],
)
def test_names_of_networks_are_known(name: str, network: str) -> None:
    assert network_of(name) == network


def test_a_visit_from_a_network_is_told_once_and_belongs_to_whoever_the_visitor_is(huerta: Any, at: datetime) -> None:
    visitor = visitor_of(workspace_id=huerta.id, source_id=1, anonymous_id="a")
    lead, _ = save_lead(workspace_id=huerta.id, email="a@x.example", attributes={}, source_kind="form", at=at)
    link_visitor(workspace_id=huerta.id, visitor=visitor, lead_id=lead.id, at=at)
    contexts: list[dict[str, Any]] = [
        {"page": {"url": "https://h.example/?fbclid=x", "search": "?fbclid=x"}},
        {"click_ids": {"fbclid": "x"}, "campaign": {"source": "newsletter"}},
        {"campaign": {"source": "LinkedIn", "medium": "social"}},
        {"campaign": {"source": "google"}, "page": {"search": "?gclid=1"}},
        {"campaign": "odd", "page": ["odd"]},
    ]
    pages = [
        NewEvent(
            kind="page", message_id=str(n), occurred_at=at - timedelta(minutes=n), visitor=visitor, source_id=1,
            context=context,
        )
        for n, context in enumerate(contexts)
    ]  # fmt: skip
    for _time in range(2):
        record_events(workspace_id=huerta.id, events=pages, received_at=at)
        process_workspace(workspace_id=huerta.id, at=at)
    told = Event.objects.filter(name="social").order_by("id")
    assert {(each.properties["network"], each.properties["action"]) for each in told} == {
        ("linkedin", "visit"), ("facebook", "visit"),
    }  # fmt: skip
    assert len(told) == 2
    assert {each.visitor for each in told} == {visitor}
