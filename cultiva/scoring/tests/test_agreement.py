"""The SQL of scores and explanations against the reference in plain Python, on random models and people."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import fsum
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cultiva.consent.models import ConsentMark
from cultiva.criteria.tests.cast import Person, Undone, against_the_database, make_months, make_people, pasted
from cultiva.events.batch import Batch
from cultiva.scoring.actions import Explanation, displayed, explain, publish_model, score
from cultiva.scoring.models import ModelVersion, Score
from cultiva.scoring.tests import samples
from cultiva.scoring.tests.reference import Result, evaluate, grade, shown, temperature

EXACT = 1e-9  # engines agree to this before rounding


def score_people(
    workspace: Any, model: Any, people: Sequence[Person], at: datetime
) -> tuple[ModelVersion, list[Score]]:
    """The scores of new people under a new model, in order."""
    version = publish_model(workspace_id=workspace.id, text=pasted(model), at=at)
    ids = make_people(workspace, people, at)
    marks = [ConsentMark(workspace=workspace, lead_id=id, valid_since=at, profiled_since=at) for id in ids]
    ConsentMark.objects.bulk_create(marks)
    score(Batch(workspace_id=workspace.id, at=at, lead_ids=ids))
    return version, list(Score.objects.filter(workspace=workspace).order_by("lead_id"))


@settings(against_the_database, max_examples=120)
@given(
    model=samples.models(samples.steps | samples.smooth),
    people=st.lists(samples.people, min_size=1, max_size=3),
    at=st.sampled_from(samples.INSTANTS),
)
def test_a_score_and_its_explanation_are_what_the_reference_says(
    huerta: Any, model: Any, people: list[Person], at: datetime
) -> None:
    make_months(huerta, *samples.MONTHS)
    with Undone():
        version, scores = score_people(huerta, model, people, at)
        for person, found in zip(people, scores, strict=True):
            expected = evaluate(model, person, at, at)
            explained = explain(workspace_id=huerta.id, lead_id=found.lead_id, model=version, at=at)
            assert explained is not None
            agree(explained, expected)
            assert close_when_shown(found.total, expected.total)
            assert explained.shown_total == found.total
            assert {d.name: d.shown for d in explained.dimensions} == found.dimensions
            assert found.temperature == temperature(model, found.total)
            assert found.grade == grade(model, found.dimensions)
            adds_up(explained, model)


def agree(explained: Explanation, expected: Result) -> None:
    assert [rule.raw for rule in explained.rules] == pytest.approx(expected.raw, rel=EXACT, abs=EXACT)
    assert [rule.after_rule_cap for rule in explained.rules] == pytest.approx(expected.after, rel=EXACT, abs=EXACT)
    dimensions = {dimension.name: dimension.value for dimension in explained.dimensions}
    assert dimensions == pytest.approx(expected.dimensions, rel=EXACT, abs=EXACT)
    assert explained.total == pytest.approx(expected.total, rel=EXACT, abs=EXACT)


def close_when_shown(found: float, exact: float) -> bool:
    """Equal, or a millionth apart where the exact figure is next to a tie (or too great for millionths)."""
    is_tie = abs(abs(exact * 1e6) % 1 - 0.5) < 1e-3
    return found == shown(exact) or ((is_tie or abs(exact) > 1e6) and abs(found - exact) < 1.1e-6 * max(1, abs(exact)))


FIGURES = {"times", "distinct", "sum", "max"}  # with one of these a rule may hold because nothing happened


def adds_up(explained: Explanation, model: Any) -> None:
    """Events make the rules, rules and cuts the dimensions, dimensions and a cut the total."""
    for rule, document in zip(explained.rules, model["rules"], strict=True):
        assert len(rule.events) == rule.event_count
        assert sorted(rule.events, key=lambda e: (e.occurred_at, e.id), reverse=True) == list(rule.events)
        if "event" in document["when"] and (rule.events or FIGURES.isdisjoint(document["when"])):
            weights = fsum(event.weight or 0 for event in rule.events)
            assert rule.points * weights == pytest.approx(rule.raw, rel=EXACT, abs=EXACT)
    for dimension in explained.dimensions:
        of_it = fsum(rule.after_rule_cap for rule in explained.rules if rule.dimension == dimension.name)
        assert of_it + dimension.cut == pytest.approx(dimension.value, rel=EXACT, abs=EXACT)
    weighed = fsum(dimension.weight * dimension.value for dimension in explained.dimensions)
    assert weighed + explained.cut == pytest.approx(explained.total, rel=EXACT, abs=EXACT)
    on_screen = displayed(explained)
    assert sum(on_screen.dimensions.values()) + on_screen.cut == on_screen.total
    for dimension in explained.dimensions:
        points = [on_screen.rules[rule.key] for rule in explained.rules if rule.dimension == dimension.name]
        assert sum(points) + on_screen.dimension_cuts[dimension.name] == on_screen.dimensions[dimension.name]


@settings(against_the_database, max_examples=80)
@given(
    model=samples.models(samples.steps),
    person=samples.people,
    at=st.sampled_from(samples.INSTANTS),
    later=st.lists(st.floats(0, 1), max_size=4),
)
def test_nothing_changes_before_the_next_change(
    huerta: Any, model: Any, person: Person, at: datetime, later: list[float]
) -> None:
    make_months(huerta, *samples.MONTHS)
    past = Person(person.attributes, [act for act in person.acts if act.age >= timedelta(0)])
    with Undone():
        _, [found] = score_people(huerta, model, [past], at)
        assert found.next_change_at is None or found.next_change_at > at
        last = (found.next_change_at or at + timedelta(days=400)) - timedelta(microseconds=1)
        now = evaluate(model, past, at, at)
        for instant in [last, *(at + (last - at) * share for share in later)]:
            assert evaluate(model, past, instant, at) == now


@settings(against_the_database, max_examples=30)
@given(
    model=samples.models(samples.smooth),
    person=samples.people,
    at=st.sampled_from(samples.INSTANTS),
)
def test_smooth_ageing_is_looked_at_again_at_the_next_local_midnight(
    huerta: Any, model: Any, person: Person, at: datetime
) -> None:
    make_months(huerta, *samples.MONTHS)
    past = Person(person.attributes, [act for act in person.acts if act.age >= timedelta(0)])
    local = at.astimezone(ZoneInfo(model["timezone"])).replace(tzinfo=None)
    midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), ZoneInfo(model["timezone"]))
    with Undone():
        _, [found] = score_people(huerta, model, [past], at)
        if evaluate(model, past, midnight, at).shown_total != evaluate(model, past, at, at).shown_total:
            assert found.next_change_at is not None
            assert at < found.next_change_at <= midnight
