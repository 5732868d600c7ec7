"""A merge never makes a yes of a no, and loses neither."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultiva.consent.actions import (
    can_contact,
    confirm,
    confirmation_token,
    suppress,
    withdraw,
)
from cultiva.consent.models import ConsentMark, ConsentState, Evidence
from cultiva.consent.tests.conftest import ask, prove
from cultiva.consent.verifying import verify_chain
from cultiva.events.models import Event
from cultiva.leads.actions import save_lead
from cultiva.leads.merging import merge_leads, undo_merge
from cultiva.leads.models import Lead, LeadState

HOUR = timedelta(hours=1)
Accept = Callable[..., Any]
_number = count(1)


def make(workspace: Any, at: datetime, email: str = "") -> Lead:
    lead, _ = save_lead(
        workspace_id=workspace.id, email=email or f"m{next(_number)}@example.com", attributes={}, language="es",
        source_kind="form", at=at,
    )  # fmt: skip
    return lead


@pytest.fixture
def anita(huerta: Any, at: datetime) -> Lead:
    return make(huerta, at, "anita@example.com")


def decide(lead: Lead, at: datetime, purpose: str = "marketing", channel: str = "email") -> Any:
    decisions = can_contact(workspace_id=lead.workspace_id, lead_ids=[lead.id], purpose=purpose, channel=channel, at=at)
    return decisions[lead.id]


def end(lead: Lead, at: datetime, purpose: str = "marketing", channel: str = "email") -> None:
    withdraw(workspace_id=lead.workspace_id, lead_id=lead.id, purpose=purpose, channel=channel, at=at)


def join(kept: Lead, merged: Lead, at: datetime) -> Any:
    return merge_leads(
        workspace_id=kept.workspace_id, kept_id=kept.id, merged_id=merged.id, at=at, by="user:1", force=True
    )


def part(merge: Any, at: datetime) -> None:
    undo_merge(workspace_id=merge.workspace_id, merge_id=merge.id, at=at, by="user:1")


def chains_are_whole(*leads: Lead) -> bool:
    return all(verify_chain(workspace_id=lead.workspace_id, lead_id=lead.id).is_whole for lead in leads)


def standing(lead: Lead) -> tuple[Any, Any]:
    states = ConsentState.objects.filter(lead_id=lead.id).order_by("purpose", "channel")
    marks = ConsentMark.objects.filter(lead_id=lead.id)
    return list(states.values()), list(marks.values())


@pytest.mark.parametrize("is_kept", [True, False], ids=["by the kept lead", "by the merged lead"])
def test_a_withdrawal_of_either_holds(ana: Lead, anita: Lead, accept: Accept, at: datetime, is_kept: bool) -> None:
    for lead in (ana, anita):
        accept(lead, at, "marketing")
        prove(lead, at + HOUR)
    end(ana if is_kept else anita, at + 2 * HOUR)
    assert decide(anita if is_kept else ana, at + 2 * HOUR).allowed
    merge = join(ana, anita, at + 3 * HOUR)
    assert decide(ana, at + 3 * HOUR).reason == "objected"
    assert decide(anita, at + 3 * HOUR).reason == "objected"  # asked by the old number
    part(merge, at + 4 * HOUR)
    assert decide(ana, at + 4 * HOUR).allowed is not is_kept
    assert decide(anita, at + 4 * HOUR).allowed is is_kept
    assert chains_are_whole(ana, anita)


def test_the_kept_leads_chain_names_the_evidence_it_took_over(
    huerta: Any, ana: Lead, anita: Lead, accept: Accept, at: datetime
) -> None:
    accept(anita, at, "marketing")
    theirs = list(Evidence.objects.filter(lead_id=anita.id).order_by("ordinal"))
    join(ana, anita, at + HOUR)
    ours = list(Evidence.objects.filter(lead_id=ana.id).select_related("payload").order_by("ordinal"))
    assert [(each.act, each.purpose) for each in ours] == [("policy_accepted", ""), ("given", "marketing")]
    for mine, source in zip(ours, theirs, strict=True):
        payload = mine.payload.payload
        assert (payload["action"], payload["merged_lead"]) == ("merge", anita.id)
        assert (payload["merged_evidence"], payload["merged_evidence_hash"]) == (source.id, source.hash)
    assert list(Evidence.objects.filter(lead_id=anita.id).order_by("ordinal")) == theirs
    assert chains_are_whole(ana, anita)
    told = Event.objects.filter(lead_id=ana.id, kind="consent")
    assert {(event.by, event.actor) for event in told} == {("staff", "machine")}


def test_a_consent_counts_once_the_kept_leads_own_address_is_proven_after_it(
    ana: Lead, anita: Lead, accept: Accept, at: datetime
) -> None:
    accept(ana, at)
    prove(ana, at)
    accept(anita, at + HOUR, "marketing")
    prove(anita, at + 2 * HOUR)
    join(ana, anita, at + 3 * HOUR)
    assert decide(ana, at + 3 * HOUR).reason == "unconfirmed"  # the proof of another address, or an older one
    prove(ana, at + 4 * HOUR)
    assert decide(ana, at + 4 * HOUR).allowed


def test_a_proof_of_the_kept_address_since_the_consent_is_enough(
    ana: Lead, anita: Lead, accept: Accept, at: datetime
) -> None:
    accept(anita, at, "marketing")
    prove(anita, at + HOUR)
    accept(ana, at + 2 * HOUR)
    prove(ana, at + 2 * HOUR)
    join(ana, anita, at + 3 * HOUR)
    assert decide(ana, at + 3 * HOUR).allowed


def test_a_tick_that_nobody_proved_needs_a_new_proof(ana: Lead, anita: Lead, accept: Accept, at: datetime) -> None:
    accept(anita, at, "marketing")
    accept(ana, at + HOUR)
    prove(ana, at + 2 * HOUR)
    join(ana, anita, at + 3 * HOUR)
    assert decide(ana, at + 3 * HOUR).reason == "unconfirmed"


def test_who_takes_the_address_takes_its_proof_and_its_open_links(
    huerta: Any, anita: Lead, accept: Accept, at: datetime
) -> None:
    bare = Lead.objects.create(workspace_id=huerta.id, external_id="u1", source_kind="api", created_at=at)
    LeadState.objects.create(workspace_id=huerta.id, lead=bare, stage_since=at)
    accept(anita, at, "marketing")
    prove(anita, at + HOUR)
    pending = ask(anita, at + 2 * HOUR)
    assert pending
    before = standing(bare), standing(anita)
    merge = join(bare, anita, at + 3 * HOUR)
    assert decide(bare, at + 3 * HOUR).allowed
    assert confirm(token=confirmation_token(pending), at=at + 4 * HOUR).lead_id == bare.id
    part(merge, at + 5 * HOUR)
    assert standing(anita) == before[1]
    assert decide(anita, at + 5 * HOUR).allowed
    assert not decide(bare, at + 5 * HOUR).allowed


def test_the_merged_leads_link_proves_the_merged_leads_address_alone(
    ana: Lead, anita: Lead, accept: Accept, at: datetime
) -> None:
    accept(ana, at, "marketing")
    accept(anita, at, "marketing")
    pending = ask(anita, at)
    assert pending
    join(ana, anita, at + HOUR)
    confirm(token=confirmation_token(pending), at=at + 2 * HOUR)
    assert decide(ana, at + 2 * HOUR).reason == "unconfirmed"


def test_an_old_mails_unsubscribe_link_stops_the_kept_lead_too(
    ana: Lead, anita: Lead, accept: Accept, at: datetime
) -> None:
    for lead in (ana, anita):
        accept(lead, at, "marketing")
        prove(lead, at + HOUR)
    merge = join(ana, anita, at + 2 * HOUR)
    end(anita, at + 3 * HOUR)  # the link in a mail of before names the merged lead
    assert decide(ana, at + 3 * HOUR).reason == "objected"
    part(merge, at + 4 * HOUR)
    for lead in (ana, anita):
        assert decide(lead, at + 4 * HOUR).reason == "objected"
    assert chains_are_whole(ana, anita)


def test_who_says_no_again_after_the_merge_has_said_it_for_both(
    ana: Lead, anita: Lead, accept: Accept, at: datetime
) -> None:
    accept(ana, at, "marketing")
    prove(ana, at + HOUR)
    end(anita, at + HOUR)
    merge = join(ana, anita, at + 2 * HOUR)
    end(ana, at + 3 * HOUR)  # withdrawn already, by the merge: this is the person's own word
    part(merge, at + 4 * HOUR)
    assert decide(ana, at + 4 * HOUR).reason == "objected"


def test_a_no_of_before_the_merge_said_again_after_it_holds_for_both(
    ana: Lead, anita: Lead, accept: Accept, at: datetime
) -> None:
    accept(anita, at, "marketing")
    prove(anita, at + HOUR)
    end(ana, at + HOUR)
    merge = join(ana, anita, at + 2 * HOUR)
    for hours in (3, 4):
        end(ana, at + hours * HOUR)
    assert Evidence.objects.filter(lead_id=ana.id, act="withdrawn").count() == 2
    part(merge, at + 5 * HOUR)
    assert decide(anita, at + 5 * HOUR).reason == "objected"


def test_a_yes_given_after_the_merge_stays_with_the_kept_lead(
    ana: Lead, anita: Lead, accept: Accept, at: datetime
) -> None:
    end(anita, at)
    merge = join(ana, anita, at + HOUR)
    accept(ana, at + 2 * HOUR, "marketing")
    prove(ana, at + 3 * HOUR)
    assert decide(ana, at + 3 * HOUR).allowed
    part(merge, at + 4 * HOUR)
    assert decide(ana, at + 4 * HOUR).allowed
    assert decide(anita, at + 4 * HOUR).reason == "objected"


def test_an_objection_to_profiling_holds_for_the_kept_lead(
    ana: Lead, anita: Lead, accept: Accept, at: datetime
) -> None:
    accept(ana, at)
    accept(anita, at)
    end(anita, at + HOUR, "profiling", "none")
    merge = join(ana, anita, at + 2 * HOUR)
    mark = ConsentMark.objects.get(lead_id=ana.id)
    assert (mark.profiled_since, mark.objected_at) == (None, at + HOUR)
    part(merge, at + 3 * HOUR)
    mark = ConsentMark.objects.get(lead_id=ana.id)
    assert (mark.profiled_since, mark.objected_at) == (at, None)


@pytest.mark.parametrize(
    ("why", "kept_reason"),
    [("complaint", "objected"), ("manual", "objected"), ("objection", "objected"), ("hard_bounce", "")],
)
def test_who_asked_not_to_be_written_to_at_one_address_is_not_at_the_other(
    huerta: Any, ana: Lead, anita: Lead, accept: Accept, at: datetime, why: str, kept_reason: str
) -> None:
    accept(ana, at, "marketing")
    prove(ana, at)
    suppress(workspace_id=huerta.id, email="anita@example.com", reason=why, at=at)
    merge = join(ana, anita, at + HOUR)
    assert decide(ana, at + HOUR).reason == kept_reason
    assert decide(ana, at + HOUR, "transactional").reason == kept_reason
    part(merge, at + 2 * HOUR)
    assert decide(ana, at + 2 * HOUR).reason == ""


def test_a_complaint_since_the_merge_holds_for_both_addresses(
    huerta: Any, ana: Lead, anita: Lead, accept: Accept, at: datetime
) -> None:
    accept(anita, at, "marketing")
    prove(anita, at)
    merge = join(ana, anita, at + HOUR)
    suppress(workspace_id=huerta.id, email="ana@example.com", reason="complaint", at=at + 2 * HOUR)
    part(merge, at + 3 * HOUR)
    assert decide(anita, at + 3 * HOUR).reason == "objected"


def test_consents_given_before_an_erasure_do_not_come_along(
    huerta: Any, ana: Lead, anita: Lead, accept: Accept, at: datetime
) -> None:
    accept(anita, at, "marketing")
    prove(anita, at)
    suppress(workspace_id=huerta.id, email="anita@example.com", reason="erasure", at=at + HOUR)
    join(ana, anita, at + 2 * HOUR)
    assert not ConsentState.objects.filter(lead_id=ana.id).exists()


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["kept", "merged"]),
        st.sampled_from(["accept", "tick", "tick_phone", "prove", "withdraw", "withdraw_phone", "object", "complain"]),
    ),
    max_size=9,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS, since=st.lists(st.sampled_from(["withdraw", "tick", "prove", "nothing"]), max_size=2))
def test_nobody_is_newly_allowed_without_evidence_of_their_own(
    huerta: Any, accept: Accept, at: datetime, acts: list[tuple[str, str]], since: list[str]
) -> None:
    """The rule in plain Python beside the product.

    After the merge the kept lead may be contacted only if neither had withdrawn or objected, and either they might
    before, or the merged lead might and the kept address was proven after that consent was given.
    """
    leads = {"kept": make(huerta, at), "merged": make(huerta, at)}
    now = at
    for who, act in acts:
        now += 9 * HOUR
        do(huerta, leads[who], act, accept, now)
    kept, merged = leads["kept"], leads["merged"]
    channels = {"marketing": "email", "phone": "phone"}
    before = {
        (who, purpose): decide(lead, now, purpose, channel)
        for who, lead in leads.items()
        for purpose, channel in channels.items()
    }
    were = {who: standing(lead) for who, lead in leads.items()}
    given_on = {(s.lead_id, s.purpose): s.since for s in ConsentState.objects.filter(lead_id=merged.id, state="given")}
    silent = {p for p in channels if not ConsentState.objects.filter(lead_id=kept.id, purpose=p).exists()}
    proven = ConsentMark.objects.filter(lead_id=kept.id).values_list("confirmed_since", flat=True).first()
    merge = join(kept, merged, now + HOUR)
    for purpose, channel in channels.items():
        ours, theirs = before["kept", purpose], before["merged", purpose]
        is_refused = "objected" in (ours.reason, theirs.reason)
        is_proven = proven is not None and proven >= given_on.get((merged.id, purpose), now + HOUR)
        becomes = theirs.allowed and purpose in silent and is_proven
        after = decide(kept, now + HOUR, purpose, channel)
        assert after.allowed == (not is_refused and (ours.allowed or becomes)), (purpose, ours, theirs, after)
        if is_refused:
            assert after.reason == "objected"
    assert chains_are_whole(kept, merged)
    then = now + HOUR
    for act in since:
        then += 9 * HOUR
        do(huerta, kept, act, accept, then)
    part(merge, then + HOUR)
    assert chains_are_whole(kept, merged)
    if not [act for act in since if act != "nothing"]:
        assert {who: standing(lead) for who, lead in leads.items()} == were
    elif since[-1] == "withdraw":
        assert {decide(lead, then + HOUR).reason for lead in leads.values()} == {"objected"}


def do(workspace: Any, lead: Lead, act: str, accept: Accept, at: datetime) -> None:
    if act == "accept":
        accept(lead, at)
    elif act in ("tick", "tick_phone"):
        accept(lead, at, "phone" if act == "tick_phone" else "marketing")
    elif act == "prove":
        prove(lead, at)
    elif act == "withdraw":
        end(lead, at)
    elif act == "withdraw_phone":
        end(lead, at, "phone", "phone")
    elif act == "object":
        end(lead, at, "profiling", "none")
    elif act == "complain":
        suppress(workspace_id=workspace.id, email=lead.email, reason="complaint", at=at)
