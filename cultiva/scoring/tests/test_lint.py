"""What a model probably does not mean."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultiva.criteria.language import parse
from cultiva.criteria.tests.cast import Act, Person
from cultiva.criteria.tests.reference import holds
from cultiva.criteria.tests.samples import comparisons, values
from cultiva.events.seen import recount
from cultiva.leads.attributes import define
from cultiva.lib.database import execute, workspace_scope
from cultiva.lib.documents import read_document
from cultiva.scoring.implying import implies
from cultiva.scoring.lint import Fault, faults_of, find_faults, range_of
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.starters import starters
from cultiva.scoring.tests.test_scoring import make_leads

DAY = timedelta(days=1)
INF = float("inf")
PAGE = "when: {event: page}, points: 5, window_days: 30"
VP = "when: {attribute: job_title, contains: vp}, points: 5"


def read(rules: list[str], more: str = "", dimensions: str = "{all: {}}") -> ScoringModel:
    listed = ", ".join(f"{{key: r{n}, {rule}}}" for n, rule in enumerate(rules))
    text = f"{{model: m, dimensions: {dimensions}, rules: [{listed}]{', ' if more else ''}{more}}}"
    return ScoringModel.read(read_document(text))


def told(faults: list[Fault]) -> list[tuple[str, str]]:
    return [(each.place, each.kind) for each in faults]


FAULTS: list[tuple[list[str], str, str, list[tuple[str, str]]]] = [
    # points
    (["when: {event: page}, points: 0"], "", "{all: {}}",
     [("rules[0].points", "no_effect"), ("dimensions.all", "no_effect")]),
    ([f"{PAGE}, max: 0", f"{PAGE}, count: once"], "", "{all: {}}",
     [("rules[0]", "no_effect"), ("rules[1].when", "twice")]),
    ([f"{PAGE}, max: 3"], "", "{all: {}}", [("rules[0].max", "cut")]),
    (["when: {event: page}, points: -5, min: -3"], "", "{all: {}}", [("rules[0].min", "cut")]),
    # ageing
    (["when: {event: page}, points: 5"], "", "{all: {}}", [("rules[0]", "endless")]),
    (["when: {event: page}, points: 5, ageing: {half_life_days: 9}"], "", "{all: {}}",
     [("rules[0].ageing", "endless")]),
    (["when: {event: page}, points: 5, ageing: {linear_days: 9}"], "", "{all: {}}", []),
    ([f"{PAGE}, ageing: {{expires_days: 30}}"], "", "{all: {}}", [("rules[0].ageing", "no_effect")]),
    ([f"{PAGE}, ageing: {{expires_days: 29}}"], "", "{all: {}}", []),
    (["when: {event: any, times: {at_most: 0}}, points: 5"], "", "{all: {}}", []),
    # overlaps
    ([PAGE, "when: {all: [{event: page, within_days: 30}]}, points: 2"], "", "{all: {}}", [("rules[1].when", "twice")]),
    ([PAGE, "when: {event: page, where: [{property: path, starts_with: /a}]}, points: 2, window_days: 9"], "",
     "{all: {}}", [("rules[1].when", "overlap")]),
    ([VP, "when: {attribute: job_title, contains_any: [director, vp]}, points: 9"], "", "{all: {}}",
     [("rules[0].when", "overlap")]),
    ([VP, "when: {attribute: job_title, contains_any: [director, vp]}, points: -9"], "", "{all: {}}", []),
    ([f"dimension: a, {VP}", f"dimension: b, {VP}"], "", "{a: {}, b: {}}", []),
    # dimensions
    ([f"dimension: a, {VP}"], "", "{a: {}, b: {}}", [("dimensions.b", "no_effect")]),
    ([f"dimension: a, {VP}"], "", "{a: {max: 0}}", [("dimensions.a", "no_effect")]),
    ([f"dimension: a, {VP}"], "", "{a: {weight: 0}}", [("dimensions.a.weight", "no_effect")]),
    ([f"dimension: a, {VP}"], "grade: {dimension: a, A: 5, B: 3, C: 1}", "{a: {weight: 0}}", []),
    ([VP], "total: {max: 0}", "{all: {}}", [("total", "no_effect")]),
    # bands
    ([VP], "temperature: {warm: 5, hot: 6}", "{all: {}}", [("temperature.hot", "unreachable")]),
    ([VP], "temperature: {warm: 5, hot: 5}", "{all: {}}", []),
    ([VP], "temperature: {warm: 0, hot: 5}", "{all: {}}", [("temperature.warm", "always")]),
    ([PAGE], "temperature: {warm: 30, hot: 500}", "{all: {}}", []),
    ([PAGE], "total: {max: 100}, temperature: {warm: 30, hot: 500}", "{all: {}}", [("temperature.hot", "unreachable")]),
    ([f"{PAGE}, count: per_day"], "temperature: {warm: 30, hot: 161}", "{all: {}}",
     [("temperature.hot", "unreachable")]),
    ([f"{PAGE}, count: per_day"], "temperature: {warm: 30, hot: 160}", "{all: {}}", []),
    ([VP], "grade: {dimension: all, A: 9, B: 5, C: 1}", "{all: {}}", [("grade.A", "unreachable")]),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "more", "dimensions", "faults"), FAULTS)
def test_a_document_tells_its_own_faults(
    rules: list[str], more: str, dimensions: str, faults: list[tuple[str, str]]
) -> None:
    assert told(faults_of(read(rules, more, dimensions))) == faults


def test_faults_are_said_with_place_value_and_way_out_in_both_languages() -> None:
    model = read([VP], "temperature: {warm: 5, hot: 6}")
    with translation.override("en"):
        (english,) = faults_of(model)
    with translation.override("es"):
        (spanish,) = faults_of(model)
    assert english == Fault(
        "temperature.hot", "unreachable", "nobody can reach 6: the total is 5 at most",
        "lower the threshold, or raise points or limits",
    )  # fmt: skip
    assert spanish.message.startswith("nadie puede llegar a 6")


def test_no_starter_has_more_than_steps_that_add_up_on_purpose_and_points_that_stay() -> None:
    for starter in starters("es"):
        found = {fault.kind for fault in faults_of(ScoringModel.read(read_document(starter.text)))}
        assert found <= {"overlap", "endless"}, starter.key


def test_the_range_holds_negative_weights_and_every_limit() -> None:
    model = read(
        [f"dimension: a, {VP}", "dimension: b, when: {event: page}, points: 2"],
        "total: {min: -50}", "{a: {weight: 2}, b: {weight: -1}}",
    )  # fmt: skip
    assert range_of(model) == ({"a": (0, 5), "b": (0, INF)}, (-50, 10))


IMPLIED = [
    ("{attribute: a, is: x}", "{attribute: a, any_of: [x, y]}"),
    ("{attribute: a, starts_with: Direc}", "{attribute: a, starts_with: dir}"),
    ("{attribute: a, gt: 5}", "{attribute: a, gte: 5}"),
    ("{attribute: a, between: [5, 7]}", "{attribute: a, lte: 7}"),
    ("{attribute: a, is: x}", "{attribute: a, is_not_empty: true}"),
    ("{all: [{attribute: a, is: x}, {attribute: b, is: y}]}", "{attribute: b, is: y}"),
    ("{attribute: b, is: y}", "{any: [{attribute: a, is: x}, {attribute: b, is: y}]}"),
    ("{not: {attribute: a, gte: 5}}", "{not: {attribute: a, gt: 5}}"),
    ("{event: page, times: {at_least: 3}, within_days: 5}", "{event: page, times: {at_least: 2}, within_days: 6}"),
    ("{event: page}", "{event: any}"),
    ("{persona: p, gte: 0.7}", "{persona: p, gte: 0.5}"),
]


@pytest.mark.parametrize(("one", "other"), IMPLIED)
def test_one_is_told_to_imply_the_other_and_not_the_reverse(one: str, other: str) -> None:
    narrow, wide = (parse(read_document(text)) for text in (one, other))
    assert implies(narrow, wide)
    assert not implies(wide, narrow)


UNTOLD = [
    ("{event: page, times: {exactly: 2}}", "{event: page, times: {at_most: 3}}"),
    ("{event: page, times: {at_most: 0}}", "{event: page}"),
    ("{event: page, distinct: path}", "{event: page, times: {at_least: 2}}"),
    ("{event: stage}", "{event: any}"),
    ("{attribute: a, is: 1}", "{attribute: a, any_of: [true, '1']}"),
    ("{attribute: a, is_not: x}", "{attribute: a, is_not_empty: true}"),
    ("{event: page, between_dates: [2026-01-01, 2026-01-02]}", "{event: page, within_days: 3}"),
]


@pytest.mark.parametrize(("one", "other"), UNTOLD)
def test_what_cannot_be_told_is_not_told(one: str, other: str) -> None:
    assert not implies(*(parse(read_document(text)) for text in (one, other)))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(asked=st.lists(comparisons, min_size=5, max_size=5), value=values)
def test_nobody_meets_the_narrow_criteria_and_not_the_wide_ones(asked: list[Any], value: Any) -> None:
    at, person = datetime(2026, 3, 10, 12, tzinfo=UTC), Person({"a": value})
    found = [{"attribute": "a", **each} for each in asked]
    trees = [parse(each) for each in found]
    held = [holds(each, person, at, at) for each in found]
    for one, mine in zip(trees, held, strict=True):
        for other, theirs in zip(trees, held, strict=True):
            assert not (mine and not theirs and implies(one, other)), (one, other)


def count_them(workspace: Any) -> None:
    """As if `flow` had taken what waits."""
    execute("DELETE FROM event_inbox WHERE workspace_id = %s", [workspace.id])
    recount(workspace.id)


def test_a_workspace_tells_names_never_seen_and_rules_that_nobody_meets(
    huerta: Any, other_co: Any, at: datetime
) -> None:
    define(workspace_id=huerta.id, subject="lead", key="job_title", type="text", at=at)
    acts = [Act("download", DAY, properties={"asset": "guia"}), Act("page", DAY, kind="page", properties={"path": "/"})]
    make_leads(huerta, [Person({"job_title": "director"}, acts), Person({"job_title": "vp"})], at)
    count_them(huerta)
    with workspace_scope(other_co.id):
        make_leads(other_co, [Person({"job_title": "ceo"}, [Act("trial", DAY)])], at)
        count_them(other_co)
    rules = [
        "when: {event: download, where: [{property: asset, is: guia}]}",
        "when: {event: download, where: [{property: aset, is: guia}]}",
        "when: {event: download, where: [{property: color, is_empty: true}]}",
        "when: {event: trial}",
        "when: {event: purchase}",
        "when: {attribute: job_title, is: ceo}",
        "when: {attribute: job_titel, is: vp}",
        "when: {event: page, where: [{property: path, is: /precios}]}",
        "when: {not: {event: page}}",
    ]
    model = read([f"{each}, points: 1" for each in rules])
    with translation.override("en"):
        found = [each for each in find_faults(model, workspace_id=huerta.id, at=at) if each.kind != "endless"]
    assert told(found) == [
        ("rules[1].when.where[0].property", "never_seen"),
        ("rules[3].when.event", "unknown"),
        ("rules[4].when.event", "never_seen"),
        ("rules[5].when", "nobody"),
        ("rules[6].when.attribute", "unknown"),
        ("rules[7].when", "nobody"),
    ]
    said = {each.place: each for each in found}
    assert said["rules[1].when.where[0].property"].hint == "it has carried: asset"
    assert said["rules[5].when"].message == "2 leads are there, and none of them meets it"
    assert said["rules[6].when.attribute"].hint == "did you mean `job_title`?"


def test_a_workspace_without_leads_is_told_nothing_of_them(huerta: Any, at: datetime) -> None:
    model = read(["when: {attribute: email, is: a@b.example}, points: 1"])
    assert find_faults(model, workspace_id=huerta.id, at=at) == []
