"""What people want: given, confirmed, withdrawn, and who may be contacted."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultiva.consent.actions import (
    can_contact,
    confirm,
    confirmation_token,
    find_confirmation,
    publish_policy,
    suppress,
    withdraw,
)
from cultiva.consent.models import Confirmation, ConsentMark, ConsentState, Evidence, PolicyVersion, PurposeVersion
from cultiva.consent.tests.conftest import ask, prove
from cultiva.consent.tests.documents import POLICY
from cultiva.events.models import Event
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope
from cultiva.lib.signing import BadLink, ExpiredLink, hash_token, sign

HOUR = timedelta(hours=1)


def decide(lead: Lead, at: datetime, purpose: str = "marketing", channel: str = "email") -> Any:
    decisions = can_contact(workspace_id=lead.workspace_id, lead_ids=[lead.id], purpose=purpose, channel=channel, at=at)
    return decisions[lead.id]


def reason(lead: Lead, at: datetime, purpose: str = "marketing", channel: str = "email") -> str:
    return str(decide(lead, at, purpose, channel).reason)


def end(lead: Lead, at: datetime, purpose: str = "marketing", channel: str = "email") -> ConsentState:
    return withdraw(workspace_id=lead.workspace_id, lead_id=lead.id, purpose=purpose, channel=channel, at=at)


def told(lead: Lead) -> list[tuple[str, dict[str, Any]]]:
    events = Event.objects.filter(workspace_id=lead.workspace_id, lead_id=lead.id, kind="consent").order_by("id")
    return [(event.name, event.properties) for event in events]


def test_the_way_from_nothing_to_a_contactable_lead(ana: Lead, accept: Callable[..., Any], at: datetime) -> None:
    assert reason(ana, at) == "not_valid"
    accept(ana, at)
    assert reason(ana, at) == "no_basis"
    recorded = accept(ana, at + HOUR, "marketing")
    assert (recorded.newly_given, recorded.needs_confirmation) == ([("marketing", "email")], True)
    assert reason(ana, at + HOUR) == "unconfirmed"
    prove(ana, at + 2 * HOUR)
    decision = decide(ana, at + 2 * HOUR)
    assert (decision.allowed, decision.basis, decision.reason) == (True, "consent", "")
    assert decision.evidence_id == recorded.evidence_ids[1]
    assert reason(ana, at + 2 * HOUR, "phone", "phone") == "no_basis"
    assert reason(ana, at, "marketing", "phone") == "no_basis"


def test_a_box_left_clear_changes_nothing(ana: Lead, accept: Callable[..., Any], at: datetime) -> None:
    accept(ana, at, "marketing")
    prove(ana, at)
    recorded = accept(ana, at + HOUR)
    assert (recorded.newly_given, recorded.needs_confirmation) == ([], False)
    assert decide(ana, at + HOUR).allowed
    end(ana, at + 2 * HOUR)
    accept(ana, at + 3 * HOUR)
    assert reason(ana, at + 3 * HOUR) == "objected"


def test_a_will_already_expressed_keeps_its_date_and_evidence(
    ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    first = accept(ana, at, "marketing")
    again = accept(ana, at + HOUR, "marketing")
    state = ConsentState.objects.get(lead_id=ana.id)
    assert (state.since, state.evidence_id) == (at, first.evidence_ids[1])
    assert again.newly_given == []
    assert Evidence.objects.filter(lead_id=ana.id, act="given").count() == 2


def test_withdrawing_holds_at_once_and_a_second_time_changes_nothing(
    ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at, "marketing")
    prove(ana, at)
    end(ana, at + HOUR)
    assert reason(ana, at + HOUR) == "objected"
    end(ana, at + 2 * HOUR)
    assert Evidence.objects.filter(lead_id=ana.id, act="withdrawn").count() == 1
    assert [name for name, _ in told(ana)].count("withdrawn") == 1


def test_what_was_never_given_can_be_withdrawn(ana: Lead, accept: Callable[..., Any], at: datetime) -> None:
    accept(ana, at)
    end(ana, at)
    assert reason(ana, at) == "objected"


def test_a_new_tick_after_a_withdrawal_needs_a_new_proof(ana: Lead, accept: Callable[..., Any], at: datetime) -> None:
    accept(ana, at, "marketing")
    prove(ana, at + HOUR)
    pending = ask(ana, at + 2 * HOUR)
    assert pending
    end(ana, at + 3 * HOUR)
    assert accept(ana, at + 4 * HOUR, "marketing").needs_confirmation
    assert reason(ana, at + 4 * HOUR) == "unconfirmed"
    with pytest.raises(ExpiredLink):  # the older mail proves nothing of the new will
        confirm(token=confirmation_token(pending), at=at + 5 * HOUR)
    prove(ana, at + 6 * HOUR)
    assert decide(ana, at + 6 * HOUR).allowed


def test_a_confirmation_never_turns_a_withdrawal_back(ana: Lead, accept: Callable[..., Any], at: datetime) -> None:
    accept(ana, at, "marketing")
    end(ana, at + HOUR)
    prove(ana, at + 2 * HOUR)
    assert reason(ana, at + 2 * HOUR) == "objected"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["tick", "clear", "ask", "confirm", "withdraw"]), min_size=1, max_size=9))
def test_after_a_withdrawal_only_a_new_tick_with_a_new_proof_allows_contact(
    huerta: Any, accept: Callable[..., Any], at: datetime, acts: list[str]
) -> None:
    """The rule in plain Python beside the product, over random histories."""
    lead, _ = save_lead(
        workspace_id=huerta.id, email=f"p{Lead.objects.count()}@example.com", attributes={}, language="es",
        source_kind="form", at=at,
    )  # fmt: skip
    is_given = is_proven = is_withdrawn = False
    pending: list[Confirmation] = []
    for hour, act in enumerate(acts, start=1):
        now = at + 9 * hour * HOUR  # far enough apart for three confirmations a day
        if act == "tick":
            if not is_given:
                is_given, is_proven, is_withdrawn = True, False, False
            accept(lead, now, "marketing")
        elif act == "clear":
            accept(lead, now)
        elif act == "ask":
            asked = ask(lead, now)
            assert asked
            pending.append(asked)
        elif act == "confirm" and pending:
            try:
                confirm(token=confirmation_token(pending[-1]), at=now)
                is_proven = True
            except ExpiredLink:
                pass
            pending.pop()
        elif act == "withdraw":
            end(lead, now)
            is_given, is_proven, is_withdrawn = False, False, True
        decision = decide(lead, now)
        assert decision.allowed == (is_given and is_proven)
        if is_withdrawn:
            assert decision.reason == "objected"


def test_a_confirmation_is_used_once_and_answers_the_same_again(
    ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at, "marketing")
    confirmation = ask(ana, at)
    assert confirmation
    token = confirmation_token(confirmation)
    assert confirmation.token_hash == hash_token(token)
    assert token not in str(list(Confirmation.objects.values()))
    first = confirm(token=token, at=at + HOUR, ip="203.0.113.9", user_agent="Mozilla/5.0")
    again = confirm(token=token, at=at + 100 * HOUR)
    assert (first.is_first, again.is_first, first.lead_id) == (True, False, ana.id)
    proof = Evidence.objects.get(lead_id=ana.id, act="confirmed").payload.payload
    assert proof["doi_token_sha256"] == confirmation.token_hash
    assert (proof["doi_ip"], proof["proof_level"], proof["action"]) == ("203.0.113.9", "doi", "button")
    assert ConsentMark.objects.get(lead_id=ana.id).confirmed_since == at + HOUR


def test_a_confirmation_ends_after_three_days(ana: Lead, at: datetime) -> None:
    confirmation = ask(ana, at)
    assert confirmation
    token = confirmation_token(confirmation)
    assert find_confirmation(token=token, at=at + 72 * HOUR).id == confirmation.id
    with pytest.raises(ExpiredLink):
        confirm(token=token, at=at + 73 * HOUR)
    assert not ConsentMark.objects.filter(lead_id=ana.id).exists()


def test_a_confirmation_that_was_not_made_here_is_refused(huerta: Any, other_co: Any, ana: Lead, at: datetime) -> None:
    confirmation = ask(ana, at)
    assert confirmation
    token = confirmation_token(confirmation)
    for forged in (token[:-1], token + "x", "1.1.x", "", "..", sign("confirm", other_co.id, confirmation.id)):
        with pytest.raises(BadLink):
            confirm(token=forged, at=at)


def test_at_most_three_confirmation_mails_a_day(ana: Lead, at: datetime) -> None:
    asked = [ask(ana, at + minutes * timedelta(minutes=10)) for minutes in range(5)]
    assert [each is not None for each in asked] == [True, True, True, False, False]
    assert ask(ana, at + timedelta(days=1, minutes=1)) is not None


def test_each_act_is_told_to_the_ledger(ana: Lead, accept: Callable[..., Any], at: datetime) -> None:
    recorded = accept(ana, at, "marketing")
    confirmation = ask(ana, at)
    assert confirmation
    confirm(token=confirmation_token(confirmation), at=at)
    ended = end(ana, at)
    proof = Evidence.objects.get(lead_id=ana.id, act="confirmed")
    assert told(ana) == [
        ("policy_accepted", {"policy": "privacy", "policy_version": 1, "evidence": recorded.evidence_ids[0]}),
        ("given", {"purpose": "marketing", "channel": "email", "evidence": recorded.evidence_ids[1]}),
        ("confirmation_requested", {"confirmation": confirmation.id, "form": "guia"}),
        ("confirmed", {"confirmation": confirmation.id, "evidence": proof.id}),
        ("withdrawn", {"purpose": "marketing", "channel": "email", "evidence": ended.evidence_id}),
    ]


@pytest.mark.parametrize(
    ("suppressed_as", "marketing", "transactional"),
    [
        ("objection", "objected", "objected"),
        ("complaint", "objected", "objected"),
        ("manual", "objected", "objected"),
        ("hard_bounce", "undeliverable", "undeliverable"),
        ("erasure", "erased", ""),
    ],
)
def test_a_suppressed_address_is_not_written_to(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime,
    suppressed_as: str, marketing: str, transactional: str,
) -> None:  # fmt: skip
    accept(ana, at, "marketing")
    prove(ana, at)
    assert decide(ana, at).allowed
    suppressed = suppress(workspace_id=huerta.id, email="ANA@example.com", reason=suppressed_as, at=at + HOUR)
    assert "ana" not in suppressed.address_hash
    assert reason(ana, at + HOUR) == marketing
    assert reason(ana, at + HOUR, "transactional") == transactional
    assert decide(ana, at).allowed  # before that, it was


def test_after_an_erasure_only_a_new_consent_allows_mail(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    suppress(workspace_id=huerta.id, email="ana@example.com", reason="erasure", at=at)
    accept(ana, at + HOUR)
    assert reason(ana, at + HOUR) == "erased"
    accept(ana, at + 2 * HOUR, "marketing")
    prove(ana, at + 3 * HOUR)
    assert decide(ana, at + 3 * HOUR).allowed


def test_transactional_mail_asks_for_no_consent(ana: Lead, at: datetime) -> None:
    decision = decide(ana, at, "transactional")
    assert (decision.allowed, decision.basis, decision.evidence_id) == (True, "transactional", None)


def test_many_leads_are_decided_at_once(huerta: Any, other_co: Any, accept: Callable[..., Any], at: datetime) -> None:
    leads = [
        save_lead(
            workspace_id=huerta.id, email=f"l{n}@example.com", attributes={}, language="es", source_kind="form", at=at
        )[0]
        for n in range(4)
    ]
    accept(leads[0], at, "marketing")
    prove(leads[0], at)
    accept(leads[1], at)
    end(leads[2], at)
    with workspace_scope(other_co.id):
        stranger, _ = save_lead(
            workspace_id=other_co.id, email="x@example.com", attributes={}, language="en", source_kind="form", at=at
        )
    asked = [*(lead.id for lead in leads), stranger.id]
    decisions = can_contact(workspace_id=huerta.id, lead_ids=asked, purpose="marketing", channel="email", at=at)
    assert [decisions[each].reason for each in asked] == ["", "no_basis", "objected", "not_valid", "unknown"]


def test_a_lead_without_an_address_cannot_be_mailed_but_may_be_called(huerta: Any, ana: Lead, at: datetime) -> None:
    Lead.objects.filter(id=ana.id).update(email="", email_key=None)
    assert reason(ana, at) == "undeliverable"
    assert reason(ana, at, "transactional") == "undeliverable"
    assert reason(ana, at, "phone", "phone") == "not_valid"
    assert ask(ana, at) is None


def profiled(lead: Lead) -> tuple[bool, bool]:
    mark = ConsentMark.objects.get(lead_id=lead.id)
    return mark.profiled_since is not None, mark.objected_at is not None


def test_legitimate_interest_profiles_until_somebody_objects(
    ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at)
    assert profiled(ana) == (True, False)
    end(ana, at + HOUR, "profiling", "none")
    assert profiled(ana) == (False, True)
    accept(ana, at + 2 * HOUR)
    assert profiled(ana) == (False, True)
    accept(ana, at + 3 * HOUR, "profiling")
    assert profiled(ana) == (True, False)


def test_where_profiling_needs_consent_only_its_own_box_gives_it(
    huerta: Any, ana: Lead, accept: Callable[..., Any], purposes: dict[str, PurposeVersion], at: datetime
) -> None:
    text = POLICY.replace("profiling: legitimate_interest", "profiling: consent")
    by_consent: PolicyVersion = publish_policy(workspace_id=huerta.id, text=text, at=at)
    accept(ana, at, "marketing", under=by_consent)
    assert profiled(ana) == (False, False)
    accept(ana, at + HOUR, "profiling", under=by_consent)
    assert profiled(ana) == (True, False)
