"""Referrals: a new lead is brought once, by somebody else, who is rewarded when that lead is valid."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.consent.models import ConsentMark
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.models import Event
from cultiva.flow import process_workspace
from cultiva.leads.merging import merge_leads
from cultiva.leads.models import Lead
from cultiva.magnets.codes import codes_of
from cultiva.magnets.models import Grant, Referral
from cultiva.magnets.referrals import attribute_referral, note_visit, referral_figures, referral_mark
from cultiva.magnets.tests.cast import grant, lead, publish

REWARDED = "settings: {form: guia, reward: discount}"


@pytest.fixture
def link(huerta: Any, at: datetime) -> Grant:
    publish(huerta, "discount", at)
    publish(huerta, "referral", at, settings=REWARDED)
    return grant(lead(huerta, at, "ana@example.com", phone="+34600111222"), "referral", at)


def bring(link: Grant, friend: Lead, at: datetime) -> bool:
    return attribute_referral(
        workspace_id=link.workspace_id, token=referral_mark(link), lead_id=friend.id, at=at, events=[]
    )


def make_valid(friend: Lead, at: datetime) -> None:
    ConsentMark.objects.update_or_create(workspace=friend.workspace, lead=friend, defaults={"valid_since": at})
    told = NewEvent(kind="consent", name="policy_accepted", message_id=f"valid:{friend.id}", occurred_at=at,
                    lead_id=friend.id)  # fmt: skip
    record_events(workspace_id=friend.workspace_id, events=[told], received_at=at)
    process_workspace(workspace_id=friend.workspace_id, at=at)


def test_a_lead_is_brought_once_and_nobody_brings_themselves(huerta: Any, at: datetime, link: Grant) -> None:
    friend, second = lead(huerta, at, "bea@example.com"), grant(lead(huerta, at, "c@example.com"), "referral", at)
    assert bring(link, friend, at)
    assert not bring(second, friend, at)
    assert not bring(link, link.lead, at)
    assert not bring(link, lead(huerta, at, "ana2@example.com", phone="+34600111222"), at)
    assert Referral.objects.get(workspace_id=huerta.id).grant_id == link.id


def test_the_reward_comes_when_the_new_lead_is_valid_and_a_code_for_each(
    huerta: Any, at: datetime, link: Grant
) -> None:
    for n in range(2):
        friend = lead(huerta, at, f"{n}@example.com")
        bring(link, friend, at)
        process_workspace(workspace_id=huerta.id, at=at)
        assert Referral.objects.filter(lead=friend, rewarded_at=None).exists()
        make_valid(friend, at + timedelta(hours=n + 1))
        make_valid(friend, at + timedelta(hours=n + 2))
    reward = Grant.objects.get(lead=link.lead, magnet="discount")
    assert reward.via == "referral"
    assert len(codes_of(reward)) == 2
    assert Event.objects.filter(lead_id=link.lead_id, name="referral_rewarded").count() == 2


def test_who_turns_out_to_be_the_same_person_brought_nobody(huerta: Any, at: datetime, link: Grant) -> None:
    friend = lead(huerta, at, "bea@example.com")
    bring(link, friend, at)
    merge_leads(workspace_id=huerta.id, kept_id=link.lead_id, merged_id=friend.id, by="user:1", at=at, force=True)
    make_valid(link.lead, at + timedelta(hours=1))
    assert not Grant.objects.filter(workspace_id=huerta.id, magnet="discount").exists()
    assert referral_figures(link).leads == 0


def test_visits_count_and_those_of_programs_do_not(huerta: Any, at: datetime, link: Grant) -> None:
    for minute, actor in enumerate(("human", "unknown", "machine")):
        note_visit(grant=link, actor=actor, at=at + timedelta(minutes=minute))
    assert referral_figures(link).visits == 2


def test_a_forged_mark_or_one_of_another_workspace_attributes_nothing(
    huerta: Any, other_co: Any, at: datetime, link: Grant
) -> None:
    friend = lead(huerta, at, "bea@example.com")
    for mark in ("", "x", referral_mark(link)[:-1], referral_mark(Grant(id=link.id, workspace_id=other_co.id))):
        assert not attribute_referral(workspace_id=huerta.id, token=mark, lead_id=friend.id, at=at, events=[])
