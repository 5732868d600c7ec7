"""Who may be contacted, by which basis, under which law."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultiva.consent.actions import publish_policy, publish_purpose, record_consents, suppress, withdraw
from cultiva.consent.deciding import can_contact, decide_everybody
from cultiva.consent.excluding import read_exclusions
from cultiva.consent.jurisdictions import jurisdictions
from cultiva.consent.models import Basis, ConsentMark, ConsentState, Evidence, PurposeVersion
from cultiva.consent.rules import publish_rules
from cultiva.consent.standing import (
    MissingCondition,
    Purchase,
    block,
    record_contract,
    record_guardian,
    record_soft_opt_in,
    release,
    restrict,
    stop_marketing,
)
from cultiva.consent.tests.conftest import FORM, prove
from cultiva.consent.tests.documents import POLICY
from cultiva.consent.verifying import verify_chain
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead
from cultiva.lib.documents import DocumentError

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BOUGHT = Purchase(
    sale="2026-0017", sold_by="Huerta Riego S.L.", products="riego por goteo", obtained_by="pedido en la tienda",
    opt_out_at_collection="casilla para no recibir publicidad en el pedido", opt_out_in_messages="enlace de baja",
)  # fmt: skip
NEWS = """
purpose: news
channel: email
bases: [consent, soft_opt_in, contract]
languages:
  es: {label: Quiero recibir novedades}
"""
LETTERS = """
purpose: letters
channel: post
bases:
  - consent
  - legitimate_interest: {name: Folletos a empresas que pidieron presupuesto, by: Eva Gil, on: "2026-03-01"}
languages:
  es: {label: Podéis escribirme por correo postal}
"""
_number = count(1)


def choose(workspace: Any, code: str, at: datetime, more: str = "") -> None:
    publish_rules(workspace_id=workspace.id, text=f"consent_rules: workspace\njurisdiction: {code}\n{more}", at=at)


def decide(lead: Lead, at: datetime, purpose: str = "marketing", channel: str = "email", **more: Any) -> Any:
    found = can_contact(
        workspace_id=lead.workspace_id, lead_ids=[lead.id], purpose=purpose, channel=channel, at=at, **more
    )
    return found[lead.id]


def reason(lead: Lead, at: datetime, purpose: str = "marketing", channel: str = "email", **more: Any) -> str:
    return str(decide(lead, at, purpose, channel, **more).reason)


def make(workspace: Any, at: datetime) -> Lead:
    lead, _ = save_lead(
        workspace_id=workspace.id, email=f"d{next(_number)}@example.com", attributes={}, language="es",
        source_kind="form", at=at,
    )  # fmt: skip
    return lead


@pytest.fixture
def news(huerta: Any, at: datetime) -> PurposeVersion:
    return publish_purpose(workspace_id=huerta.id, text=NEWS, at=at)


# Legal bases


def test_a_soft_opt_in_holds_where_all_six_conditions_are_kept(
    huerta: Any, ana: Lead, accept: Callable[..., Any], news: PurposeVersion, at: datetime
) -> None:
    choose(huerta, "EU", at)
    accept(ana, at)
    assert reason(ana, at, "news") == "no_basis"
    record_soft_opt_in(workspace_id=huerta.id, lead_id=ana.id, purpose="news", channel="email", purchase=BOUGHT, at=at)
    decision = decide(ana, at, "news")
    evidence = Evidence.objects.get(lead_id=ana.id, act="soft_opt_in")
    assert (decision.allowed, decision.basis, decision.evidence_id) == (True, "soft_opt_in", evidence.id)
    assert evidence.payload.payload["sale"] == "2026-0017"
    assert reason(ana, at) == "no_basis"  # another purpose
    assert verify_chain(workspace_id=huerta.id, lead_id=ana.id).is_whole


@pytest.mark.parametrize("missing", list(vars(BOUGHT)))
def test_a_soft_opt_in_without_one_of_its_six_conditions_is_no_basis(
    huerta: Any, ana: Lead, accept: Callable[..., Any], news: PurposeVersion, at: datetime, missing: str
) -> None:
    accept(ana, at)
    with pytest.raises(MissingCondition, match=missing):
        record_soft_opt_in(
            workspace_id=huerta.id, lead_id=ana.id, purpose="news", channel="email", at=at,
            purchase=Purchase(**{**vars(BOUGHT), missing: " "}),
        )  # fmt: skip
    assert reason(ana, at, "news") == "no_basis"


def test_a_soft_opt_in_counts_only_where_the_law_knows_it(
    huerta: Any, ana: Lead, accept: Callable[..., Any], news: PurposeVersion, at: datetime
) -> None:
    choose(huerta, "CO", at)
    accept(ana, at)
    record_soft_opt_in(workspace_id=huerta.id, lead_id=ana.id, purpose="news", channel="email", purchase=BOUGHT, at=at)
    assert reason(ana, at + 5 * HOUR, "news") == "no_basis"
    choose(huerta, "EU", at)
    assert decide(ana, at + 5 * HOUR, "news").allowed


def test_whoever_withdrew_is_not_written_to_by_another_basis(
    huerta: Any, ana: Lead, accept: Callable[..., Any], news: PurposeVersion, purposes: Any, at: datetime
) -> None:
    accept(ana, at)
    purposes["news"] = news
    record_soft_opt_in(workspace_id=huerta.id, lead_id=ana.id, purpose="news", channel="email", purchase=BOUGHT, at=at)
    withdraw(workspace_id=huerta.id, lead_id=ana.id, purpose="news", channel="email", at=at + HOUR)
    assert reason(ana, at + HOUR, "news") == "objected"
    accept(ana, at + 2 * HOUR, "news")  # anybody who knows the address can tick
    assert reason(ana, at + 2 * HOUR, "news") == "unconfirmed"
    prove(ana, at + 3 * HOUR)
    assert decide(ana, at + 3 * HOUR, "news").basis == "consent"


def test_a_contract_makes_valid_and_ends_with_its_term(
    huerta: Any, ana: Lead, news: PurposeVersion, at: datetime
) -> None:
    record_contract(workspace_id=huerta.id, lead_id=ana.id, contract="C-7", at=at, until=at + 10 * DAY)
    assert decide(ana, at + DAY, "news").basis == "contract"
    assert reason(ana, at + 11 * DAY, "news") == "no_basis"


def test_a_legitimate_interest_needs_its_assessment_and_a_channel_that_allows_it(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    with pytest.raises(DocumentError, match="assessment"):
        publish_purpose(workspace_id=huerta.id, text=NEWS.replace("soft_opt_in", "legitimate_interest"), at=at)
    version = publish_purpose(workspace_id=huerta.id, text=LETTERS, at=at)
    assert version.body["assessment"]["by"] == "Eva Gil"
    choose(huerta, "EU", at)
    accept(ana, at)
    assert decide(ana, at, "letters", "post").basis == "legitimate_interest"
    choose(huerta, "MX", at)
    assert reason(ana, at, "letters", "post") == "no_basis"


# The person


def test_of_a_minor_no_marketing_consent_is_stored_and_no_birthday_kept(
    huerta: Any, ana: Lead, policy: Any, purposes: Any, at: datetime
) -> None:
    choose(huerta, "ES", at)

    def send(now: datetime) -> Any:
        return record_consents(
            workspace_id=huerta.id, lead_id=ana.id, policy=policy, purposes=[purposes["marketing"]], language="es",
            circumstances=FORM, born_on=date(2012, 5, 17), at=now,
        )  # fmt: skip

    recorded = send(at)  # at thirteen
    assert (recorded.is_minor, recorded.newly_given) == (True, [])
    assert not ConsentState.objects.filter(lead_id=ana.id).exists()
    assert ConsentMark.objects.get(lead_id=ana.id).minor_until == date(2026, 6, 1)
    assert "2012" not in str(list(Evidence.objects.filter(lead_id=ana.id).values_list("payload__payload", flat=True)))
    assert reason(ana, at) == "minor"
    record_guardian(workspace_id=huerta.id, lead_id=ana.id, guardian="Luz Peña", at=at + HOUR)
    assert send(at + 2 * HOUR).newly_given == [("marketing", "email")]
    prove(ana, at + 3 * HOUR)
    assert decide(ana, at + 3 * HOUR).allowed


@pytest.mark.parametrize(("code", "is_minor"), [("ES", False), ("EU", True), ("MX", True), ("CO", True)])
def test_the_age_of_consent_is_the_jurisdictions(
    huerta: Any, ana: Lead, policy: Any, at: datetime, code: str, is_minor: bool
) -> None:
    choose(huerta, code, at)
    recorded = record_consents(
        workspace_id=huerta.id, lead_id=ana.id, policy=policy, purposes=[], language="es", circumstances=FORM,
        born_on=date(2011, 3, 10), at=at,
    )  # fmt: skip
    assert recorded.is_minor is is_minor


def test_a_restriction_stops_every_use_until_it_is_released(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at, "marketing")
    prove(ana, at)
    restrict(workspace_id=huerta.id, lead_id=ana.id, reason="discute la exactitud", at=at + HOUR)
    assert reason(ana, at + HOUR) == "restricted"
    release(workspace_id=huerta.id, lead_id=ana.id, reason="corregido", at=at + 2 * HOUR)
    assert decide(ana, at + 2 * HOUR).allowed
    acts = list(Evidence.objects.filter(lead_id=ana.id).order_by("ordinal").values_list("act", flat=True))
    assert acts[-2:] == ["restricted", "released"]


def test_wanting_no_marketing_at_all_holds_on_every_channel_until_a_new_tick_is_proven(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at, "marketing", "phone")
    prove(ana, at)
    stop_marketing(workspace_id=huerta.id, lead_id=ana.id, at=at + HOUR)
    assert (reason(ana, at + HOUR), reason(ana, at + HOUR, "phone", "phone")) == ("objected", "objected")
    withdraw(workspace_id=huerta.id, lead_id=ana.id, purpose="marketing", channel="email", at=at + 2 * HOUR)
    accept(ana, at + 3 * HOUR, "marketing")
    assert reason(ana, at + 3 * HOUR) == "unconfirmed"
    prove(ana, at + 4 * HOUR)
    assert decide(ana, at + 4 * HOUR).allowed
    assert reason(ana, at + 4 * HOUR, "phone", "phone") == "objected"


def test_who_was_erased_is_contacted_by_nothing(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at, "marketing")
    prove(ana, at)
    block(workspace_id=huerta.id, lead_id=ana.id, at=at + HOUR)
    assert reason(ana, at + HOUR) == "erased"


# Time


def test_a_consent_to_calls_expires_after_two_years_in_spain(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    choose(huerta, "ES", at)
    accept(ana, at, "phone", "marketing")
    prove(ana, at)
    assert decide(ana, at.replace(year=2028), "phone", "phone").allowed
    later = at.replace(year=2028) + DAY
    assert reason(ana, later, "phone", "phone") == "expired"
    assert decide(ana, later).allowed  # mail is not calls
    assert accept(ana, later, "phone").newly_given == [("phone", "phone")]
    assert reason(ana, later, "phone", "phone") == "unconfirmed"  # an expired consent is given anew


def test_a_tick_before_it_expires_renews_a_consent(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    choose(huerta, "ES", at)
    first = accept(ana, at, "phone")
    prove(ana, at)
    assert accept(ana, at + 700 * DAY, "phone").newly_given == []
    decision = decide(ana, at + 1400 * DAY, "phone", "phone")
    assert (decision.allowed, decision.evidence_id) == (True, first.evidence_ids[1])
    assert reason(ana, at + 1450 * DAY, "phone", "phone") == "expired"


def test_a_workspace_may_be_stricter_than_the_law_and_not_laxer(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    with pytest.raises(DocumentError, match="24 months"):
        choose(huerta, "ES", at, "expires_after_months: {phone: 36}")
    choose(huerta, "ES", at, "expires_after_months: {email: 6}")
    accept(ana, at, "marketing")
    prove(ana, at)
    assert reason(ana, at + 200 * DAY) == "expired"


@pytest.mark.parametrize(
    ("local", "opens"),
    [
        ("2026-03-10T06:59", "2026-03-10T07:00"),  # a Tuesday
        ("2026-03-10T07:00", ""),
        ("2026-03-10T19:00", "2026-03-11T07:00"),
        ("2026-03-14T15:00", "2026-03-16T07:00"),  # Saturday afternoon; Sunday has no hours
        ("2026-03-14T14:59", ""),
        ("2026-03-23T10:00", "2026-03-24T07:00"),  # a holiday
    ],
)
def test_in_colombia_nobody_is_disturbed_outside_the_hours_of_the_law(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime, local: str, opens: str
) -> None:
    huerta.time_zone = "America/Bogota"
    huerta.save()
    choose(huerta, "CO", at)
    accept(ana, at - DAY, "marketing")
    prove(ana, at - DAY)
    asked = datetime.fromisoformat(local + "-05:00").astimezone(UTC)
    decision = decide(ana, asked)
    assert decision.allowed is not opens
    if opens:
        assert (decision.allowed, decision.reason) == (False, "outside_hours")
        assert decision.not_before == datetime.fromisoformat(opens + "-05:00")
    assert decide(ana, asked, "transactional").allowed  # what they ask for themselves comes at once


def test_whoever_got_enough_is_left_alone_for_now(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at, "marketing")
    prove(ana, at)
    assert reason(ana, at, capped={ana.id}) == "capped"


@pytest.mark.parametrize(
    ("code", "span", "received", "due"),
    [
        ("ES", "answer", date(2026, 1, 31), date(2026, 2, 28)),
        ("EU", "extension", date(2025, 12, 31), date(2026, 2, 28)),
        ("MX", "answer", date(2026, 3, 2), date(2026, 3, 30)),
        ("CO", "answer", date(2026, 3, 13), date(2026, 3, 30)),  # the 23rd is a holiday
        ("CO", "complaint", date(2026, 5, 4), date(2026, 5, 26)),
    ],
)
def test_the_clock_of_a_request_is_the_jurisdictions(code: str, span: str, received: date, due: date) -> None:
    assert jurisdictions()[code].due_on(span, received) == due


# The law of the workspace


def test_where_the_law_asks_for_no_proof_of_the_address_a_tick_counts_but_not_after_a_withdrawal(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    choose(huerta, "MX", at)
    accept(ana, at, "marketing")
    assert decide(ana, at).allowed
    withdraw(workspace_id=huerta.id, lead_id=ana.id, purpose="marketing", channel="email", at=at + HOUR)
    accept(ana, at + 2 * HOUR, "marketing")
    assert reason(ana, at + 2 * HOUR) == "unconfirmed"


def test_a_jurisdiction_that_there_is_not_is_refused_with_those_there_are(huerta: Any, at: datetime) -> None:
    with pytest.raises(DocumentError, match="CO, ES, EU, MX"):
        choose(huerta, "XX", at)


def test_a_policy_that_builds_no_profiles_lets_nobody_be_profiled(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    text = POLICY.replace("profiling: legitimate_interest", "profiling: none")
    accept(ana, at, under=publish_policy(workspace_id=huerta.id, text=text, at=at))
    assert ConsentMark.objects.get(lead_id=ana.id).profiled_since is None


# The whole order against the rule in plain Python

FACTS = st.fixed_dictionaries({
    "blocked": st.booleans(), "suppressed": st.sampled_from(["", "", "", "objection", "hard_bounce", "erasure"]),
    "state": st.sampled_from(["", "given", "withdrawn"]), "stopped": st.booleans(), "mail": st.booleans(),
    "minor": st.booleans(), "guardian": st.booleans(), "restricted": st.booleans(), "valid": st.booleans(),
    "confirmed": st.booleans(), "old": st.booleans(), "bought": st.booleans(), "listed": st.booleans(),
    "stale": st.booleans(), "capped": st.booleans(),
})  # fmt: skip


def expected(facts: dict[str, Any]) -> str:
    """The order of the law, in plain Python: the first no wins."""
    is_given = facts["state"] == "given"
    if facts["blocked"] or facts["suppressed"] == "erasure":
        return "erased"
    if facts["suppressed"] == "objection" or facts["state"] == "withdrawn" or facts["stopped"]:
        return "objected"
    if not facts["mail"] or facts["suppressed"] == "hard_bounce":
        return "undeliverable"
    if facts["minor"] and not facts["guardian"]:
        return "minor"
    if facts["restricted"]:
        return "restricted"
    if not facts["valid"]:
        return "not_valid"
    has_consent = is_given and not facts["old"] and facts["confirmed"]
    if not has_consent:
        if not facts["bought"]:
            return "no_basis" if not is_given else "expired" if facts["old"] else "unconfirmed"
        if facts["stale"]:
            return "register_unchecked"
        if facts["listed"]:
            return "excluded_register"
    return "capped" if facts["capped"] else ""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=FACTS)
def test_the_first_no_wins_in_the_order_of_the_law(
    huerta: Any, news: PurposeVersion, at: datetime, facts: dict[str, Any]
) -> None:
    choose(huerta, "ES", at, "expires_after_months: {email: 12}")
    lead = make(huerta, at)
    key = lead.email_key
    given_at = at - timedelta(days=400 if facts["old"] else 10)
    evidence, now = 7, at
    if facts["state"]:
        ConsentState.objects.create(
            workspace_id=huerta.id, lead_id=lead.id, purpose="news", channel="email", state=facts["state"],
            since=given_at, evidence_id=evidence,
        )  # fmt: skip
    ConsentMark.objects.create(
        workspace_id=huerta.id, lead_id=lead.id, valid_since=given_at if facts["valid"] else None,
        confirmed_since=given_at + HOUR if facts["confirmed"] else None, blocked_at=now if facts["blocked"] else None,
        stopped_at=now if facts["stopped"] else None, restricted_at=now if facts["restricted"] else None,
        minor_until=date(2027, 1, 1) if facts["minor"] else None, guardian_since=now if facts["guardian"] else None,
    )  # fmt: skip
    if facts["bought"]:
        Basis.objects.create(
            workspace_id=huerta.id, lead_id=lead.id, basis="soft_opt_in", purpose="news", channel="email",
            since=at - DAY, evidence_id=9,
        )  # fmt: skip
    if facts["suppressed"]:
        suppress(workspace_id=huerta.id, email=lead.email, reason=facts["suppressed"], at=now)
    listed = f"{key}\n".encode() if facts["listed"] else b""
    read_exclusions(
        workspace_id=huerta.id, key="robinson", kind="register", content=listed, by="user:1",
        at=at - timedelta(days=31 if facts["stale"] else 1),
    )  # fmt: skip
    if not facts["mail"]:
        Lead.objects.filter(id=lead.id).update(email="", email_key=None)
        facts = facts | {"listed": False, "suppressed": ""}
    decision = decide(lead, now, "news", capped={lead.id} if facts["capped"] else ())
    assert decision.reason == expected(facts)
    assert decision.allowed is (expected(facts) == "")
    if decision.allowed:
        assert decision.evidence_id == (evidence if decision.basis == "consent" else 9)


def test_everybody_is_decided_as_each_alone(
    huerta: Any, other_co: Any, accept: Callable[..., Any], news: PurposeVersion, at: datetime
) -> None:
    leads = [make(huerta, at) for _ in range(6)]
    accept(leads[0], at, "marketing")
    prove(leads[0], at)
    accept(leads[1], at, "marketing")
    accept(leads[2], at)
    withdraw(workspace_id=huerta.id, lead_id=leads[3].id, purpose="marketing", channel="email", at=at)
    suppress(workspace_id=huerta.id, email=leads[4].email, reason="complaint", at=at)
    counted = decide_everybody(workspace_id=huerta.id, purpose="marketing", channel="email", at=at + HOUR)
    assert counted == {
        ("", "consent"): 1, ("unconfirmed", ""): 1, ("no_basis", ""): 1, ("objected", ""): 2, ("not_valid", ""): 1,
    }  # fmt: skip
    alone = [reason(lead, at + HOUR) for lead in leads]
    assert sorted(alone) == sorted(["", "unconfirmed", "no_basis", "objected", "objected", "not_valid"])
