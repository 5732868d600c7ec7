"""Checking criteria against a workspace, and explaining them for one lead."""

from datetime import timedelta
from typing import Any

import pytest

from cultiva.accounts.models import Membership, User
from cultiva.consent.models import ConsentMark, ConsentState, Evidence
from cultiva.criteria.checking import check
from cultiva.criteria.explaining import NoSuchLead, explain
from cultiva.criteria.language import Reads, parse, reads_of
from cultiva.criteria.tests.cast import Act, Person, make_people
from cultiva.criteria.tests.test_predicates import select_leads
from cultiva.leads.attributes import define
from cultiva.leads.models import LeadState

DAY = timedelta(days=1)


def test_a_name_that_the_workspace_does_not_know_is_told_with_its_place_and_the_nearest(huerta: Any, at: Any) -> None:
    define(workspace_id=huerta.id, subject="lead", key="country", type="country", at=at)
    make_people(huerta, [Person(acts=[Act("cita_pedida")])], at)
    document = {
        "all": [
            {"attribute": "countri", "is": "ES"},
            {"attribute": "country", "is": "ES"},
            {"not": {"any": [{"event": "purchas"}, {"event": "purchase"}, {"tag": "vip"}]}},
            {"score": "readiness", "gt": 1},
            {"stage": "leed"},
            {"owner": "nobody@huerta.example"},
        ]
    }
    assert [str(problem) for problem in check(parse(document), workspace_id=huerta.id)] == [
        "criteria.all[0].attribute: no attribute `countri` in this workspace\nhint: did you mean `country`?",
        "criteria.all[2].not.any[0].event: no event `purchas` in this workspace\nhint: did you mean `purchase`?",
        "criteria.all[3].score: no score `readiness` in this workspace\nhint: there is no score yet",
        "criteria.all[4].stage: no stage `leed` in this workspace\nhint: did you mean `lead`?",
        "criteria.all[5].owner: no owner `nobody@huerta.example` in this workspace\nhint: there is no owner yet",
    ]


def test_an_explanation_shows_what_each_condition_found(huerta: Any, at: Any) -> None:
    acts = [Act("purchase", n * DAY, properties={"value": 10 * n}) for n in (1, 2, 40)]
    (lead,) = make_people(huerta, [Person({"country": "ES"}, acts)], at)
    tree = parse(
        {
            "all": [
                {"attribute": "country", "is": "PT"},
                {"event": "purchase", "sum": "value", "gte": 30, "within_days": 30},
                {"not": {"event": "download"}},
            ]
        }
    )
    found = explain(tree, workspace_id=huerta.id, lead_id=lead, at=at)
    country, bought, not_downloaded = found.parts
    assert (found.kind, found.holds) == ("all", False)
    assert (country.holds, country.evidence) == (False, {"value": "ES"})
    assert country.words == {"es": "el país es PT", "en": "the country is PT"}
    assert bought.holds
    assert (bought.evidence["count"], bought.evidence["figure"]) == (2, 30)
    assert [event["occurred_at"][:10] for event in bought.evidence["events"]] == ["2026-03-09", "2026-03-08"]
    assert (not_downloaded.holds, not_downloaded.kind) == (True, "not")
    assert not_downloaded.parts[0].evidence == {"count": 0, "figure": 0, "events": []}


def test_an_explanation_of_many_conditions_is_put_together_from_several_statements(huerta: Any, at: Any) -> None:
    (lead,) = make_people(huerta, [Person({"a": "v7"})], at)
    tree = parse({"any": [{"attribute": "a", "is": f"v{n}"} for n in range(900)]})
    found = explain(tree, workspace_id=huerta.id, lead_id=lead, at=at)
    assert [n for n, part in enumerate(found.parts) if part.holds] == [7]


def test_nobody_is_explained_to_another_workspace(huerta: Any, other_co: Any, at: Any) -> None:
    (lead,) = make_people(huerta, [Person()], at)
    with pytest.raises(NoSuchLead):
        explain(parse({"all": [{"event": "page"}]}), workspace_id=other_co.id, lead_id=lead, at=at)


def test_criteria_say_what_they_depend_on() -> None:
    tree = parse(
        {
            "any": [
                {"attribute": "country", "is": "ES"},
                {"attribute": "birthday", "anniversary_within_days": 7},
                {"event": "page", "within_days": 3},
                {"stage": "customer"},
                {"score": "readiness", "gte": 3},
            ]
        }
    )
    assert reads_of(tree) == Reads(
        attributes=frozenset({"country", "birthday"}),
        events=frozenset({"page"}),
        facts=frozenset({"stage", "score:readiness"}),
        is_timed=True,
        is_daily=True,
    )
    assert not reads_of(parse({"event": "page", "between_dates": ["2026-01-01", "2026-01-31"]})).is_timed


def test_consent_is_given_withdrawn_or_never_expressed_as_of_then(huerta: Any, at: Any) -> None:
    first, second = make_people(huerta, [Person(), Person()], at)
    for ordinal, (act, day) in enumerate([("given", 5), ("withdrawn", 2)], 1):
        evidence = Evidence.objects.create(
            workspace=huerta, lead_id=first, ordinal=ordinal, act=act, purpose="marketing", channel="email",
            occurred_at=at - day * DAY, payload_digest="", previous_hash="", hash=str(ordinal),
        )  # fmt: skip
    ConsentState.objects.create(
        workspace=huerta, lead_id=first, purpose="marketing", channel="email", state="withdrawn",
        since=at - 2 * DAY, evidence=evidence,
    )  # fmt: skip

    def who(state: str, when: Any, channel: str = "email") -> list[int]:
        return select_leads(huerta, {"consent": "marketing", "channel": channel, "is": state}, when)

    assert (who("given", at), who("withdrawn", at), who("none", at)) == ([], [first], [second])
    assert (who("given", at - 3 * DAY), who("withdrawn", at - 3 * DAY)) == ([first], [])
    assert who("none", at - 6 * DAY) == [first, second]
    assert who("none", at, "phone") == [first, second]


def test_marks_owners_and_tags_are_found(huerta: Any, at: Any) -> None:
    first, second = make_people(huerta, [Person({"tags": ["Feria 2026", "vip"]}), Person()], at)
    ConsentMark.objects.create(workspace=huerta, lead_id=first, valid_since=at - DAY, profiled_since=at - DAY)
    ConsentMark.objects.create(
        workspace=huerta, lead_id=second, confirmed_since=at, profiled_since=at - DAY, objected_at=at
    )
    eva = User.objects.create(email="eva@huerta.example", full_name="Eva")
    Membership.objects.create(workspace=huerta, user=eva, role="sales")
    LeadState.objects.create(workspace=huerta, lead_id=first, stage_since=at, owner=eva)
    assert select_leads(huerta, {"mark": "valid"}, at) == [first]
    assert select_leads(huerta, {"mark": "confirmed"}, at) == [second]
    assert select_leads(huerta, {"mark": "profiled"}, at) == [first]
    assert select_leads(huerta, {"owner": "Eva@huerta.example"}, at) == [first]
    assert select_leads(huerta, {"tag": "FERIA 2026"}, at) == [first]
    assert check(parse({"owner": "eva@huerta.example"}), workspace_id=huerta.id) == []
    for document in ({"mark": "valid"}, {"owner": "eva@huerta.example"}, {"tag": "vip"}):
        assert explain(parse(document), workspace_id=huerta.id, lead_id=first, at=at).words["es"]
