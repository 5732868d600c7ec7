from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from cultiva.demo import live
from cultiva.demo.filling import DEMO_FOLDER
from cultiva.demo.history import imagine
from cultiva.demo.live import is_live, switch_live_source, tick
from cultiva.demo.past import Sources, set_stage, write_past
from cultiva.documents.applying import apply_folder
from cultiva.events.actions import claim_new_events
from cultiva.events.sources import create_source
from cultiva.leads.models import Lead


@pytest.fixture
def open_house(huerta: Any, at: datetime) -> Any:
    """A workspace with some leads, the demo's documents and a site."""
    start = at - timedelta(days=200)
    apply_folder(workspace_id=huerta.id, folder=DEMO_FOLDER, by="system", at=start)
    site, _ = create_source(workspace_id=huerta.id, key="web", name="web", at=start)
    write_past(set_stage(huerta, Sources(web=site.id, server=site.id + 1)), imagine(at=at, seed=7, leads=60))
    return huerta


def test_it_is_off_until_somebody_switches_it_on(huerta: Any, other_co: Any) -> None:
    assert not is_live(huerta.id)
    switch_live_source(huerta.id, True)
    switch_live_source(huerta.id, True)
    assert is_live(huerta.id)
    assert not is_live(other_co.id)
    switch_live_source(huerta.id, False)
    assert not is_live(huerta.id)


def test_in_an_hour_everything_happens_and_waits_for_the_flow(open_house: Any, at: datetime) -> None:
    happened = Counter(tick(workspace_id=open_house.id, at=at + timedelta(seconds=4 * n)) for n in range(900))
    assert happened.keys() == {"", "stranger", "known", "click", "newcomer"}
    assert happened["stranger"] > happened["known"] > happened["click"] > happened["newcomer"]
    events = claim_new_events(workspace_id=open_house.id, limit=10_000)
    names = Counter(event.name for event in events)
    assert names["page"] == happened["stranger"] + happened["known"]
    assert names["email_clicked"] == happened["click"]
    assert names["form_submitted"] == happened["newcomer"]
    assert Lead.objects.filter(workspace_id=open_house.id, created_at__gt=at).count() == happened["newcomer"]


def test_nobody_new_comes_where_mails_leave_the_house(open_house: Any, at: datetime, settings: LazySettings) -> None:
    settings.MAIL_CARRIER = "smtp"
    happened = {tick(workspace_id=open_house.id, at=at + timedelta(seconds=4 * n)) for n in range(300)}
    assert "newcomer" not in happened
    assert "stranger" in happened


def test_nothing_happens_in_a_workspace_without_a_site(huerta: Any, at: datetime) -> None:
    assert {tick(workspace_id=huerta.id, at=at + timedelta(seconds=n)) for n in range(50)} == {""}


def test_the_same_instant_brings_the_same_thing(open_house: Any, at: datetime) -> None:
    assert live.tick(workspace_id=open_house.id, at=at) == live.tick(workspace_id=open_house.id, at=at)
