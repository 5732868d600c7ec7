"""How a model fares, as a job notes it day by day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from cultiva.consent.models import ConsentMark
from cultiva.criteria.tests.cast import Act, Person, make_months, make_people
from cultiva.events.batch import Batch
from cultiva.leads.models import LeadState
from cultiva.lib.database import workspace_scope
from cultiva.scoring.actions import publish_model, score
from cultiva.scoring.health import Health, health_of, note_health
from cultiva.scoring.models import ModelVersion, ScoreDay

DAY = timedelta(days=1)
AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
MODEL = """
model: readiness
goal: purchase
dimensions: {all: {}}
rules:
  - {key: director, when: {attribute: job_title, contains: director}, points: 40}
  - {key: visits, when: {event: page}, points: 2}
  - {key: webinar, when: {event: webinar}, points: 10}
  - {key: anybody, when: {not: {event: unsubscribed}}, points: 1}
temperature: {warm: 20, hot: 40}
"""


def fill(workspace: Any, people: list[Person]) -> list[int]:
    make_months(workspace, *(AT - timedelta(days=31 * n) for n in range(14)))
    ids, since = make_people(workspace, people, AT), AT - 200 * DAY
    for id in ids:
        ConsentMark.objects.create(workspace=workspace, lead_id=id, valid_since=since, profiled_since=since)
        LeadState.objects.create(workspace=workspace, lead_id=id, stage_since=since)
    return ids


def noted(workspace: Any, version: ModelVersion, at: datetime = AT) -> Health:
    note_health(workspace_id=workspace.id, at=at)
    with workspace_scope(workspace.id):
        return health_of(version, at)


def cast(workspace: Any, goal: str = "purchase") -> tuple[ModelVersion, list[int]]:
    """Ten directors, four of whom bought in December, and ten others, one of whom did."""
    with workspace_scope(workspace.id):
        bought = [Act("purchase", AT - datetime(2025, 12, day, 12, tzinfo=UTC)) for day in (5, 6, 20, 21, 7)]
        people = [
            Person(
                {"job_title": "director" if n < 10 else "gerente"},
                bought[n // 10 * 4 :][n % 10 : n % 10 + 1][: 4 - n % 10],
            )
            for n in range(20)
        ]
        ids = fill(workspace, people)
        version = publish_model(
            workspace_id=workspace.id,
            text=MODEL.replace("goal: purchase\n", f"goal: {goal}\n" if goal else ""),
            at=AT - DAY,
        )
        score(Batch(workspace_id=workspace.id, at=AT, lead_ids=ids))
    return version, ids


def test_a_day_is_noted_once_with_who_is_where_and_who_has_no_score(huerta: Any) -> None:
    version, ids = cast(huerta)
    with workspace_scope(huerta.id):
        marks = ConsentMark.objects.filter(workspace=huerta)
        marks.filter(lead_id=ids[0]).update(objected_at=AT)
        marks.filter(lead_id=ids[1]).update(valid_since=None)
        marks.filter(lead_id=ids[2]).update(profiled_since=None)
        score(Batch(workspace_id=huerta.id, at=AT, lead_ids=ids[:3]))
    found = noted(huerta, version)
    assert found.latest
    assert (found.latest.day, found.latest.leads) == (date(2026, 3, 10), 17)
    assert found.latest.bands == {"hot": 7, "warm": 0, "cold": 10}
    assert found.latest.unscored == {"objected": 1, "not_valid": 1, "no_basis": 1, "new": 0}
    assert sum(found.latest.buckets["leads"]) == 17
    assert note_health(workspace_id=huerta.id, at=AT + timedelta(hours=2)) == 0
    with workspace_scope(huerta.id):
        assert ScoreDay.objects.filter(workspace=huerta, day=found.latest.day).count() == 1


def test_what_became_of_each_band_is_told_month_by_month_with_intervals(huerta: Any) -> None:
    version, _ids = cast(huerta)
    december = next(month for month in noted(huerta, version).months if month.day == date(2025, 12, 1))
    hot, warm, cold = december.bands[30]
    assert (hot.band, hot.leads, hot.converted, hot.share) == ("hot", 10, 4, 0.4)
    assert hot.low is not None
    assert hot.high is not None
    assert 0.1 < hot.low < 0.4 < hot.high < 0.75
    assert (warm.leads, warm.share) == (0, None)
    assert (cold.leads, cold.converted) == (10, 1)
    february = next(month for month in noted(huerta, version).months if month.day == date(2026, 3, 1))
    assert [each.share for each in february.bands[30]] == [None, None, None]  # its days are not over


def test_rules_that_give_nothing_or_give_it_to_everybody_are_named(huerta: Any) -> None:
    version, _ids = cast(huerta)
    found = {rule.key: rule.finding for rule in noted(huerta, version).rules}
    assert found == {"director": "", "visits": "dead_long", "webinar": "dead_long", "anybody": "everybody"}


def test_a_rule_whose_share_rises_month_by_month_is_named(huerta: Any) -> None:
    with workspace_scope(huerta.id):
        visits = [
            Act("", AT - datetime(year, month, 15, tzinfo=UTC), kind="page")
            for year, month in ((2025, 11), (2025, 12), (2026, 1), (2026, 2))
            for _time in range(4)
        ]
        fill(huerta, [Person({"job_title": "director"}, visits), Person()])
        version = publish_model(workspace_id=huerta.id, text=MODEL, at=AT - DAY)
    [rule] = [rule for rule in noted(huerta, version).rules if rule.key == "visits"]
    assert rule.finding == "rising"
    assert rule.shares == sorted(rule.shares)


def test_another_workspace_is_told_nothing(huerta: Any, other_co: Any) -> None:
    cast(huerta)
    note_health(workspace_id=huerta.id, at=AT)
    with workspace_scope(other_co.id):
        assert ScoreDay.objects.count() == 0
