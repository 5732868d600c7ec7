"""Publishing models, scoring leads, and saying why."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cultiva.consent.models import ConsentMark
from cultiva.criteria.language import Context, compile_predicate, parse
from cultiva.criteria.tests.cast import Act, Person, make_people
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.batch import Batch
from cultiva.leads.models import Attribute, LeadState
from cultiva.leads.projecting import project_leads
from cultiva.lib.database import execute, fetch_all, workspace_scope
from cultiva.lib.documents import DocumentError
from cultiva.scoring.actions import displayed, explain, primary_model, publish_model, rescore_due, score
from cultiva.scoring.explanation import Explanation, apportion
from cultiva.scoring.models import ModelVersion, Score
from cultiva.scoring.outlook import Outlook, explain_fully

DAY, HOUR, INSTANT = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)
MODEL = """
model: readiness
dimensions: {fit: {min: -20, max: 40}, interest: {min: 0, max: 60}}
total: {max: 90}
rules:
  - {key: director, dimension: fit, when: {attribute: job_title, contains: director}, points: 15}
  - {key: downloads, dimension: interest, when: {event: download}, points: 10, window_days: 30, max: 50}
  - {key: pricing, dimension: interest, when: {all: [{event: page, times: {at_least: 2}, within_days: 7}]}, points: 25}
temperature: {warm: 30, hot: 60, hysteresis: 5}
grade: {dimension: fit, A: 30, B: 15, C: 10}
"""


def one_rule(rule: str) -> str:
    return f"{{model: m, timezone: Europe/Madrid, dimensions: {{all: {{}}}}, rules: [{{key: r, {rule}}}]}}"


def make_leads(workspace: Any, people: Sequence[Person], at: datetime) -> list[int]:
    """Leads that may be profiled since a year ago."""
    ids, since = make_people(workspace, people, at), at - 365 * DAY
    for id in ids:
        ConsentMark.objects.create(workspace=workspace, lead_id=id, valid_since=since, profiled_since=since)
        LeadState.objects.create(workspace=workspace, lead_id=id, stage_since=at)
    return ids


def score_at(workspace: Any, ids: list[int], at: datetime) -> Batch:
    batch = Batch(workspace_id=workspace.id, at=at, lead_ids=ids)
    score(batch)
    return batch


def totals(workspace: Any) -> dict[int, float]:
    return dict(Score.objects.filter(workspace=workspace).values_list("lead_id", "total"))


def told(batch: Batch) -> list[tuple[str, int | None, str | None, str | None]]:
    """[(name, lead, from, to)], grades before temperatures."""
    events = sorted(batch.of_kind("score"), key=lambda event: (event.name, event.lead_id))
    return [(e.name, e.lead_id, e.properties["from"], e.properties["to"]) for e in events]


def downloads(*ages: timedelta) -> list[Act]:
    return [Act("download", age) for age in ages]


EXAMPLES = [
    # what is counted
    ("when: {event: download}, points: 2", downloads(HOUR, DAY, 2 * DAY), 6),
    ("when: {event: download}, points: 2, count: once", downloads(HOUR, DAY), 2),
    ("when: {event: download}, points: 2, count: last", downloads(HOUR, DAY), 2),
    ("when: {event: download}, points: 2, count: last", [], 0),
    ("when: {event: download}, points: 2, count: per_day", downloads(HOUR, 2 * HOUR, DAY), 4),
    # 13 hours before noon, UTC, it was midnight in Madrid
    ("when: {event: download}, points: 2, count: per_day", downloads(13 * HOUR, 13 * HOUR + INSTANT), 4),
    ("when: {event: download}, points: 2, count: per_distinct, distinct: asset",
     [Act("download", properties={"asset": a}) for a in ("Guía", "guia", 5, "5", 5.0, None, ["Guía"], True, "true")],
     10),
    ("when: {event: download}, points: 2", [Act("download", actor="machine"), Act("download", actor="unknown")], 2),
    ("when: {event: download}, points: 2", [Act("download", by_visitor=True), Act("download", -HOUR)], 2),
    # how often
    ("when: {event: download, times: {at_least: 2}}, points: 2", downloads(HOUR), 0),
    ("when: {event: download, times: {at_least: 2}}, points: 2", downloads(HOUR, DAY), 2),
    ("when: {event: download, times: {at_least: 2}}, points: 2, count: each", downloads(HOUR, DAY), 4),
    ("when: {event: download, times: {at_most: 0}}, points: 2", [], 2),
    ("when: {event: download, times: {at_most: 0}}, points: 2, count: last", [], 0),
    ("when: {event: download, times: {at_most: 0}}, points: 2, window_days: 1", downloads(DAY), 2),
    ("when: {event: download, times: {at_most: 0}}, points: 2, window_days: 1", downloads(DAY - INSTANT), 0),
    # windows and ageing
    ("when: {event: download}, points: 2, window_days: 1", downloads(DAY - INSTANT, DAY), 2),
    ("when: {event: download}, points: 2, ageing: {expires_days: 1}", downloads(DAY - INSTANT, DAY), 2),
    ("when: {event: download}, points: 2, ageing: {linear_days: 4}", downloads(DAY, 5 * DAY), 1.5),
    ("when: {event: download}, points: 2, ageing: {half_life_days: 7}", downloads(7 * DAY, 14 * DAY), 1.5),
    ("when: {event: download}, points: 2, count: once, ageing: {half_life_days: 7}", downloads(7 * DAY, 14 * DAY), 1),
    ("when: {event: download}, points: 2, count: per_day, ageing: {linear_days: 4}",
     downloads(DAY, DAY + HOUR, 2 * DAY), 2.5),
    ("when: {event: download, times: {at_least: 0}}, points: 2, ageing: {half_life_days: 0.001}",
     downloads(30 * DAY), 0),
    ("when: {event: download, times: {at_least: 0}}, points: 2, ageing: {half_life_days: 7}", [], 2),
    # clamps and rounding
    ("when: {event: download}, points: 2, max: 3", downloads(HOUR, DAY), 3),
    ("when: {event: download}, points: -2, min: -3", downloads(HOUR, DAY), -3),
    ("when: {not: {event: purchase}}, points: 2, max: 1", [], 1),
    ("when: {event: download}, points: 0.0000005", downloads(HOUR), 0),  # a tie goes to the even millionth
    ("when: {event: download}, points: 0.0000015", downloads(HOUR), 0.000002),
    ("when: {event: download}, points: -0.0000004", downloads(HOUR), 0),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "acts", "points"), EXAMPLES)
def test_a_rule_gives_its_points(huerta: Any, at: datetime, rule: str, acts: list[Act], points: float) -> None:
    version = publish_model(workspace_id=huerta.id, text=one_rule(rule), at=at)
    ids = make_leads(huerta, [Person({}, acts)], at)
    score_at(huerta, ids, at)
    assert totals(huerta) == {ids[0]: points}
    assert str(totals(huerta)[ids[0]]) != "-0.0"
    explained = explain(workspace_id=huerta.id, lead_id=ids[0], model=version, at=at)
    assert explained
    assert explained.shown_total == points


def test_days_are_those_of_the_model_also_when_the_clocks_change(huerta: Any) -> None:
    at = datetime(2026, 3, 30, 10, tzinfo=UTC)
    # 29 March has 23 hours in Madrid: from 23:00 UTC on the 28th to 22:00 UTC on the 29th.
    ends = [datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)]
    acts = downloads(*(at - end for end in ends), *(at - end + INSTANT for end in ends))
    publish_model(workspace_id=huerta.id, text=one_rule("when: {event: download}, points: 1, count: per_day"), at=at)
    ids = make_leads(huerta, [Person({}, acts)], at)
    score_at(huerta, ids, at)
    assert totals(huerta) == {ids[0]: 3}  # the 28th, the 29th twice, the 30th


def test_scores_temperature_and_grade_reach_the_row_of_the_lead(huerta: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    warm, cold = make_leads(
        huerta, [Person({"job_title": "Directora"}, downloads(DAY, 2 * DAY)), Person({}, downloads(DAY))], at
    )
    batch = score_at(huerta, [warm, cold], at)
    rows = LeadState.objects.filter(workspace=huerta).order_by("lead_id").values_list("score", "temperature", "grade")
    assert list(rows) == [(35.0, "warm", "B"), (10.0, "cold", "D")]
    assert told(batch) == [("grade_changed", warm, None, "B"), ("temperature_changed", warm, None, "warm")]
    stored = Score.objects.get(workspace=huerta, lead_id=warm)
    assert stored.dimensions == {"fit": 15, "interest": 20}
    assert stored.next_change_at == at + 28 * DAY


def test_a_second_run_changes_nothing_and_tells_nothing(huerta: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    ids = make_leads(huerta, [Person({"job_title": "director"}, downloads(DAY, DAY))], at)
    first = score_at(huerta, ids, at)
    before = totals(huerta)
    again = score_at(huerta, ids, at)
    assert (len(told(first)), told(again), totals(huerta)) == (2, [], before)
    events = fetch_all("SELECT count(*) AS n FROM event WHERE kind = 'score'")
    assert events[0]["n"] == 2


def test_a_band_is_left_only_below_its_limit_less_the_hysteresis(huerta: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=one_rule("when: {attribute: n, gt: 0}, points: 0"), at=at)
    ids = make_leads(huerta, [Person({"n": 1})], at)
    seen = []
    for number, points in enumerate([55, 60, 55, 54.9, 60, 27, 24.9, 27, 30, 25, 24, 70, 24]):
        model = (
            f"{{model: m, dimensions: {{all: {{}}}}, temperature: {{warm: 30, hot: 60, hysteresis: 5}},"
            f" rules: [{{key: r, when: {{attribute: n, gt: 0}}, points: {points}}}]}}"
        )
        publish_model(workspace_id=huerta.id, text=model, at=at + number * HOUR)
        score_at(huerta, ids, at + number * HOUR)
        seen.append(LeadState.objects.get(workspace=huerta, lead_id=ids[0]).temperature)
    assert seen == [
        "warm", "hot", "hot", "warm", "hot", "warm", "cold", "cold", "warm", "warm", "cold", "hot", "cold",
    ]  # fmt: skip


def test_changes_are_told_with_what_was_before(huerta: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    acts = downloads(DAY, DAY, DAY, 28 * DAY)
    ids = make_leads(huerta, [Person({}, acts)], at)
    score_at(huerta, ids, at)
    batch = score_at(huerta, ids, at + 40 * DAY)
    assert told(batch) == [("temperature_changed", ids[0], "warm", "cold")]
    [event] = batch.of_kind("score")
    assert event.properties == {
        "model": "readiness", "version": 1, "from": "warm", "to": "cold", "total": 0,
        "causes": [{"rule": "downloads", "delta": -40, "why": "aged"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    "mark",
    [
        {"valid_since": None},
        {"profiled_since": None},
        {"objected_at": datetime(2026, 3, 11, tzinfo=UTC)},
    ],
)
def test_a_lead_who_may_not_be_profiled_has_no_score_which_is_not_zero(
    huerta: Any, at: datetime, mark: dict[str, Any]
) -> None:
    version = publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    ids = make_leads(huerta, [Person({"job_title": "director"}, downloads(DAY, DAY))], at)
    score_at(huerta, ids, at)
    assert totals(huerta) == {ids[0]: 35}
    ConsentMark.objects.filter(workspace=huerta, lead_id=ids[0]).update(**mark)
    assert told(score_at(huerta, ids, at + DAY)) == []
    state = LeadState.objects.get(workspace=huerta, lead_id=ids[0])
    assert (totals(huerta), state.score, state.temperature, state.grade) == ({}, None, None, None)
    assert explain(workspace_id=huerta.id, lead_id=ids[0], model=version, at=at + DAY) is None


def test_leads_become_due_when_time_alone_changes_their_score(huerta: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    visits = [Act("", DAY, kind="page"), Act("", 3 * DAY, kind="page")]
    soon, late, never = make_leads(huerta, [Person({}, visits), Person({}, downloads(DAY)), Person()], at)
    score_at(huerta, [soon, late, never], at)
    assert rescore_due(workspace_id=huerta.id, at=at + 4 * DAY - INSTANT) == []
    assert rescore_due(workspace_id=huerta.id, at=at + 4 * DAY) == [soon]
    assert rescore_due(workspace_id=huerta.id, at=at + 40 * DAY) == [soon, late]
    assert rescore_due(workspace_id=huerta.id, at=at + 40 * DAY, limit=1) == [soon]
    score_at(huerta, [soon], at + 4 * DAY)
    assert rescore_due(workspace_id=huerta.id, at=at + 4 * DAY) == []
    assert totals(huerta)[soon] == 0


def test_an_event_a_moment_ahead_of_the_batch_counts_when_its_moment_comes(huerta: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    ids = make_leads(huerta, [Person({}, downloads(-timedelta(seconds=20)))], at)
    score_at(huerta, ids, at)
    assert totals(huerta) == {ids[0]: 0}
    due_at = at + timedelta(seconds=20)
    assert rescore_due(workspace_id=huerta.id, at=due_at) == ids
    score_at(huerta, ids, due_at)
    assert totals(huerta) == {ids[0]: 10}


def test_the_primary_model_alone_fills_the_row_of_the_lead(huerta: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    other = MODEL.replace("model: readiness", "model: expansion").replace("points: 10", "points: 20")
    ids = make_leads(huerta, [Person({}, downloads(DAY))], at)
    publish_model(workspace_id=huerta.id, text=other, at=at + HOUR, is_primary=False)
    score_at(huerta, ids, at)
    assert LeadState.objects.get(workspace=huerta, lead_id=ids[0]).score == 10
    assert sorted(Score.objects.filter(workspace=huerta).values_list("total", flat=True)) == [10, 20]
    chosen = publish_model(workspace_id=huerta.id, text=other, at=at + 2 * HOUR)
    assert (chosen.version, chosen == primary_model(huerta.id)) == (2, True)
    assert LeadState.objects.get(workspace=huerta, lead_id=ids[0]).score == 20
    back = publish_model(workspace_id=huerta.id, text=MODEL, at=at + 3 * HOUR)
    assert (back.version, back == primary_model(huerta.id)) == (2, True)


def test_without_a_model_or_a_lead_nothing_happens(huerta: Any, at: datetime) -> None:
    ids = make_leads(huerta, [Person()], at)
    assert told(score_at(huerta, ids, at)) == []
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    assert told(score_at(huerta, [], at)) == []


def test_an_explanation_names_every_rule_event_and_cut(huerta: Any, at: datetime) -> None:
    version = publish_model(workspace_id=huerta.id, text=MODEL.replace("max: 60", "max: 40"), at=at)
    visits = [Act("", HOUR, kind="page", properties={"path": "/precios"}), Act("", DAY, kind="page")]
    acts = [*downloads(*[2 * DAY] * 3), *visits]
    [lead] = make_leads(huerta, [Person({"job_title": "Director"}, acts)], at)
    found = explain(workspace_id=huerta.id, lead_id=lead, model=version, at=at)
    assert found
    director, downloaded, pricing = found.rules
    assert (director.side, director.raw, director.events, director.next_change_at) == ("predictive", 15, (), None)
    assert (downloaded.side, downloaded.raw, downloaded.after_rule_cap) == ("retrospective", 30, 30)
    assert [(e.name, e.occurred_at, e.weight) for e in downloaded.events] == [("download", at - 2 * DAY, 1)] * 3
    assert [e.id for e in downloaded.events] == sorted((e.id for e in downloaded.events), reverse=True)
    assert downloaded.next_change_at == at + 28 * DAY
    assert pricing.words["es"] == "visita una página, al menos 2 veces en 7 días"
    assert [(e.name, e.weight, e.properties) for e in pricing.events] == [
        ("page", None, {"path": "/precios"}), ("page", None, {}),
    ]  # fmt: skip
    assert (pricing.raw, pricing.next_change_at) == (25, at + 6 * DAY)
    fit, interest = found.dimensions
    assert (fit.value, fit.cut, interest.value, interest.cut) == (15, 0, 40, -15)
    assert (found.total, found.cut, found.shown_total, found.next_change_at) == (55, 0, 55, at + 6 * DAY)


def test_an_explanation_of_a_past_instant_knows_nothing_of_what_came_later(huerta: Any, at: datetime) -> None:
    version = publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    [lead] = make_leads(huerta, [Person({}, downloads(DAY, 3 * DAY))], at)
    found = explain(workspace_id=huerta.id, lead_id=lead, model=version, at=at - 2 * DAY)
    assert found
    assert (found.total, found.next_change_at, found.rules[1].event_count) == (10, at + 27 * DAY, 1)


def test_an_explanation_lists_the_latest_fifty_events_and_counts_all(huerta: Any, at: datetime) -> None:
    version = publish_model(
        workspace_id=huerta.id, text=one_rule("when: {event: download}, points: 1, count: per_day"), at=at
    )
    [lead] = make_leads(huerta, [Person({}, downloads(*(n * HOUR / 10 for n in range(60))))], at)
    found = explain(workspace_id=huerta.id, lead_id=lead, model=version, at=at)
    assert found
    [rule] = found.rules
    assert (rule.raw, rule.event_count, len(rule.events)) == (1, 60, 50)
    assert [event.weight for event in rule.events] == [1, *[0] * 49]


def test_what_a_screen_shows_adds_up(huerta: Any, at: datetime) -> None:
    text = """
    model: thirds
    dimensions: {fit: {weight: 0.5}, interest: {max: 1}}
    rules:
      - {key: a, dimension: fit, when: {all: []}, points: 0.3333}
      - {key: b, dimension: fit, when: {all: []}, points: 0.3333}
      - {key: c, dimension: fit, when: {all: []}, points: -0.0666}
      - {key: d, dimension: interest, when: {all: []}, points: 0.6666}
      - {key: e, dimension: interest, when: {all: []}, points: 0.6666}
      - {key: f, dimension: interest, when: {any: []}, points: 9}
    """
    version = publish_model(workspace_id=huerta.id, text=text, at=at)
    [lead] = make_leads(huerta, [Person()], at)
    found = explain(workspace_id=huerta.id, lead_id=lead, model=version, at=at)
    assert found
    shown = displayed(found)
    assert shown.total == Decimal("1.3")
    assert [str(shown.rules[key]) for key in "abcdef"] == ["0.2", "0.1", "0", "0.7", "0.6", "0"]
    assert shown.dimensions == {"fit": Decimal("0.3"), "interest": Decimal("1")}
    assert shown.cut == Decimal(0)
    assert shown.dimension_cuts == {"fit": 0, "interest": Decimal("-0.3")}


@pytest.mark.parametrize(
    ("parts", "total", "tenths"),
    [
        ([1.25, 1.25, 1.25], 38, [13, 13, 12]),
        ([-0.04, -0.04, -0.04], -1, [0, 0, -1]),
        ([5, 0, 0], 50, [50, 0, 0]),
        ([0.1 + 0.2, 0.7], 10, [3, 7]),
        ([], 0, []),
    ],
)
def test_remainders_go_to_the_greatest(parts: list[float], total: int, tenths: list[int]) -> None:
    assert sorted(apportion(parts, total)) == sorted(tenths)
    assert sum(apportion(parts, total)) == total


def who(workspace: Any, document: Any, at: datetime) -> list[int]:
    context = Context()
    predicate = compile_predicate(parse(document), context)
    rows = fetch_all(
        f"SELECT l.id FROM lead l WHERE l.workspace_id = %(workspace)s AND {predicate} ORDER BY l.id",
        {**context.parameters, "workspace": workspace.id, "at": at},
    )
    return [row["id"] for row in rows]


def test_criteria_can_ask_for_scores_grades_and_temperatures(huerta: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    people = [Person({"job_title": "director"}, downloads(*[DAY] * 5)), Person({}, downloads(DAY)), Person()]
    hot, cold, unscored = make_leads(huerta, people, at)
    ConsentMark.objects.filter(workspace=huerta, lead_id=unscored).update(objected_at=at)
    score_at(huerta, [hot, cold, unscored], at)
    assert who(huerta, {"score": "readiness", "gte": 65}, at) == [hot]
    assert who(huerta, {"score": "readiness", "gt": 65}, at) == []
    assert who(huerta, {"score": "readiness", "lte": 65}, at) == [hot, cold]
    assert who(huerta, {"not": {"score": "readiness", "lt": 100}}, at) == [unscored]
    assert who(huerta, {"score": "readiness", "dimension": "interest", "between": [10, 49]}, at) == [cold]
    assert who(huerta, {"score": "readiness", "dimension": "absent", "gte": 0}, at) == []
    assert who(huerta, {"score": "absent", "gte": 0}, at) == []
    assert who(huerta, {"score": "readiness", "grade": "B"}, at) == [hot]
    assert who(huerta, {"temperature": "hot"}, at) == [hot]
    assert who(huerta, {"not": {"temperature": "hot"}}, at) == [cold, unscored]


def test_the_matrix_reaches_the_row_of_the_lead_and_criteria(huerta: Any, at: datetime) -> None:
    text = MODEL + "interest_grade: {dimension: interest, 1: 40, 2: 20, 3: 10}"
    publish_model(workspace_id=huerta.id, text=text, at=at)
    people = [
        Person({"job_title": "director"}, downloads(*[DAY] * 4)),
        Person({"job_title": "director"}, downloads(DAY)),
    ]
    eager, tepid = make_leads(huerta, people, at)
    batch = score_at(huerta, [eager, tepid], at)
    rows = LeadState.objects.filter(workspace=huerta).order_by("lead_id").values_list("grade", flat=True)
    assert list(rows) == ["B1", "B3"]
    assert ("grade_changed", eager, None, "B1") in told(batch)
    assert who(huerta, {"score": "readiness", "grade": "B"}, at) == [eager, tepid]
    assert who(huerta, {"score": "readiness", "grade": "B1"}, at) == [eager]
    assert who(huerta, {"score": "readiness", "grade": "A1"}, at) == []


def test_another_workspace_sees_and_touches_nothing_of_it(huerta: Any, other_co: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    ids = make_leads(huerta, [Person({}, downloads(DAY))], at)
    score_at(huerta, ids, at)
    with workspace_scope(other_co.id):
        theirs = publish_model(workspace_id=other_co.id, text=MODEL.replace("points: 10", "points: 20"), at=at)
        assert told(score_at(other_co, ids, at + DAY)) == []
        assert rescore_due(workspace_id=other_co.id, at=at + 900 * DAY) == []
        assert explain(workspace_id=other_co.id, lead_id=ids[0], model=theirs, at=at) is None
        assert list(Score.objects.all()) == []
        assert list(ModelVersion.objects.all()) == [theirs]
        assert execute("UPDATE score SET total = 1") == 0
    assert totals(huerta) == {ids[0]: 10}


def test_an_explanation_of_a_past_instant_knows_what_was_known_then(huerta: Any, at: datetime) -> None:
    version = publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    [lead] = make_leads(huerta, [Person({}, downloads(3 * DAY))], at)
    for age, title in ((10 * DAY, "director"), (5 * DAY, ""), (2 * DAY, "becaria")):
        telling = NewEvent("identify", f"told:{age}", at - age, lead_id=lead, properties={"job_title": title})
        record_events(workspace_id=huerta.id, events=[telling], received_at=None)
    project_leads(workspace_id=huerta.id, lead_ids=[lead], at=at)

    def total(age: timedelta) -> float | None:
        found = explain(workspace_id=huerta.id, lead_id=lead, model=version, at=at - age)
        return found.total if found else None

    ages = [400 * DAY, 11 * DAY, 10 * DAY, 5 * DAY, 3 * DAY, 2 * DAY + INSTANT, 2 * DAY, timedelta(0)]
    assert [total(age) for age in ages] == [None, 0, 15, 15, 25, 25, 10, 10]


def test_an_explanation_of_a_past_instant_knows_whether_they_could_be_profiled_then(huerta: Any, at: datetime) -> None:
    version = publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    [lead] = make_leads(huerta, [Person({"job_title": "director"})], at)
    for age, word in ((20 * DAY, "withdrawn"), (10 * DAY, "given"), (5 * DAY, "withdrawn")):
        said = NewEvent("consent", f"{word}:{age}", at - age, name=word, lead_id=lead,
                        properties={"purpose": "profiling"})  # fmt: skip
        record_events(workspace_id=huerta.id, events=[said], received_at=None)
    mark = {"profiled_since": None, "objected_at": at - 5 * DAY, "valid_since": at - 30 * DAY}
    ConsentMark.objects.filter(workspace=huerta, lead_id=lead).update(**mark)
    found = [
        explain(workspace_id=huerta.id, lead_id=lead, model=version, at=at - days * DAY) is not None
        for days in (31, 25, 15, 10, 6, 5, 0)
    ]
    assert found == [False, True, False, True, True, False, False]


OUTLOOK = """
model: outlook
timezone: Europe/Madrid
dimensions: {fit: {max: 40}, interest: {max: 60, weight: 2}}
total: {max: 200}
rules:
  - {key: director, dimension: fit, when: {attribute: job_title, contains: director}, points: 15}
  - {key: webinar, dimension: interest, when: {event: webinar_attended}, points: 2, ageing: {expires_days: 30}}
  - key: pricing
    dimension: interest
    when: {event: page, where: [{property: path, starts_with: /precios}]}
    points: 5
    max: 20
  - {key: fades, dimension: interest, when: {event: download}, points: 8, ageing: {half_life_days: 7}}
  - {key: often, dimension: interest, when: {all: [{event: call, times: {at_least: 2}, within_days: 10}]}, points: 30}
temperature: {warm: 30, hot: 60}
"""


def test_the_next_changes_say_when_by_how_much_and_why(huerta: Any, at: datetime) -> None:
    version = publish_model(workspace_id=huerta.id, text=OUTLOOK, at=at)
    acts = [Act("webinar_attended", 25 * DAY), Act("webinar_attended", 20 * DAY), Act("call", DAY), Act("call", HOUR)]
    [lead] = make_leads(huerta, [Person({}, [*acts, Act("download")])], at)
    explained, outlook = fully(huerta, lead, version, at)
    assert explained.total == 2 * (4 + 8 + 30)
    assert [(c.at - at, c.rule.key, c.points, c.is_gradual) for c in outlook.changes] == [
        (5 * DAY, "webinar", -4, False),
        (7 * DAY, "fades", -8, True),
        (9 * DAY, "often", -60, False),
        (10 * DAY, "webinar", -4, False),
    ]
    assert outlook.changes[0].event is not None
    assert outlook.changes[0].event.occurred_at == at - 25 * DAY
    for change in outlook.changes:
        then = explain(workspace_id=huerta.id, lead_id=lead, model=version, at=change.at)
        assert then is not None
        assert then.shown_total == change.total


def test_what_would_reach_the_next_band_does_when_it_happens(huerta: Any, at: datetime) -> None:
    version = publish_model(workspace_id=huerta.id, text=OUTLOOK, at=at)
    [lead] = make_leads(huerta, [Person({}, [Act("call", HOUR)])], at)
    _explained, outlook = fully(huerta, lead, version, at)
    assert (outlook.band, outlook.limit) == ("warm", 30)
    said = [([(s.rule.key, s.times, s.told) for s in p.steps], p.total) for p in outlook.proposals]
    assert said == [
        ([("often", 1, {})], 60),
        ([("fades", 2, {})], 32),
        ([("pricing", 3, {})], 30),
        ([("webinar", 8, {})], 32),
    ]
    visit = NewEvent("page", "m", at, lead_id=lead, properties={"path": "/precios"})
    for number in range(3):
        record_events(workspace_id=huerta.id, events=[replace(visit, message_id=f"{number}")], received_at=None)
    score_at(huerta, [lead], at)
    assert totals(huerta) == {lead: 30}
    _explained, outlook = fully(huerta, lead, version, at)
    assert (outlook.band, outlook.limit) == ("hot", 60)


def test_several_changes_together_reach_what_one_does_not(huerta: Any, at: datetime) -> None:
    text = """{model: m, dimensions: {all: {}}, temperature: {warm: 20, hot: 30}, rules: [
      {key: told, when: {attribute: job_title, is: director}, points: 15},
      {key: known, when: {attribute: country, is: ES}, points: 15},
      {key: page, when: {event: page}, count: once, points: 10}]}"""
    version = publish_model(workspace_id=huerta.id, text=text, at=at)
    [lead] = make_leads(huerta, [Person({"country": "FR"})], at)
    _explained, outlook = fully(huerta, lead, version, at)
    [proposal] = outlook.proposals
    assert ([s.rule.key for s in proposal.steps], proposal.total, proposal.reaches) == (["told", "page"], 25, True)


def test_the_history_is_what_each_day_would_have_said(huerta: Any, at: datetime) -> None:
    version = publish_model(workspace_id=huerta.id, text=OUTLOOK, at=at)
    [lead] = make_leads(huerta, [Person({}, [Act("webinar_attended", 20 * DAY), Act("download", 9 * DAY)])], at)
    explained, outlook = fully(huerta, lead, version, at)
    assert outlook.history[-1] == (at, explained.shown_total)
    assert {when for when, _ in outlook.history} >= {at - 20 * DAY, at - 9 * DAY}
    for when, total in outlook.history[::10]:
        then = explain(workspace_id=huerta.id, lead_id=lead, model=version, at=when)
        assert (then.shown_total if then else None) == total


def fully(workspace: Any, lead: int, version: ModelVersion, at: datetime) -> tuple[Explanation, Outlook]:
    found = explain_fully(workspace_id=workspace.id, lead_id=lead, model=version, at=at)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("attribute", "told"),
    [
        ("religion", "religion or belief"), ("tradeUnionMember", "union membership"), ("estado_salud", "health"),
        ("age", "age"), ("fecha-nacimiento", "age"), ("Nacionalidad", "nationality"), ("q7", "politics"),
    ],
)  # fmt: skip
def test_nobody_is_scored_by_what_the_law_protects(huerta: Any, at: datetime, attribute: str, told: str) -> None:
    """By its key, or by the label that staff gave it; also deep in a tree."""
    Attribute.objects.create(
        workspace=huerta, subject="lead", key="q7", label="Partido político", type="text", created_at=at
    )
    when = {"all": [{"attribute": "country", "is": "ES"}, {"not": {"attribute": attribute, "is": "x"}}]}
    model = {"model": "m", "dimensions": {"fit": {}}, "rules": [{"key": "r", "when": when, "points": 5}]}
    with pytest.raises(DocumentError) as refused:
        publish_model(workspace_id=huerta.id, text=json.dumps(model), at=at)
    assert refused.value.place == "rules[0].when.all[1].not"
    assert f"`{attribute}` tells of {told}" in str(refused.value)
    assert not ModelVersion.objects.filter(workspace=huerta).exists()


@pytest.mark.parametrize("attribute", ["language", "company_age", "page", "country", "union_europea", "hectares"])
def test_what_only_sounds_like_it_may_be_scored(huerta: Any, at: datetime, attribute: str) -> None:
    rule = {"key": "r", "when": {"attribute": attribute, "is_not_empty": True}, "points": 5}
    model = {"model": "m", "dimensions": {"fit": {}}, "rules": [rule]}
    assert publish_model(workspace_id=huerta.id, text=json.dumps(model), at=at).version == 1


def test_a_persona_that_is_not_there_is_named_with_its_place(huerta: Any, at: datetime) -> None:
    asks = one_rule("when: {all: [{persona: regante, gte: 0.5}]}, points: 3")
    with pytest.raises(DocumentError, match="no persona `regante`") as refused:
        publish_model(workspace_id=huerta.id, text=asks, at=at)
    assert refused.value.place == "rules[0].when.all[0].persona"
    publish_model(workspace_id=huerta.id, text=one_rule("when: {event: not_seen_yet}, points: 3"), at=at)
