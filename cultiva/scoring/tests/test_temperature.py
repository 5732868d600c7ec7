"""Temperatures do not depend on when a lead was scored, and a change of band says what caused it."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cultiva.consent.models import ConsentMark
from cultiva.criteria.tests.cast import Act, Person, Undone, against_the_database, make_months, make_people, pasted
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.batch import Batch
from cultiva.events.models import Event
from cultiva.leads.models import LeadState
from cultiva.lib.database import fetch_all
from cultiva.scoring.actions import explain, publish_model, score
from cultiva.scoring.models import Score
from cultiva.scoring.tests import samples

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MODEL = """
model: readiness
dimensions: {fit: {}, interest: {max: 100}}
rules:
  - {key: director, dimension: fit, when: {attribute: job_title, contains: director}, points: 27}
  - {key: visit, dimension: interest, when: {event: page}, points: 33, window_days: 3}
  - {key: download, dimension: interest, when: {event: download}, points: 28, window_days: 30}
temperature: {warm: 30, hot: 60, hysteresis: 5}
grade: {dimension: fit, A: 30, B: 20, C: 10}
"""


def make_lead(workspace: Any, acts: list[Act], at: datetime, attributes: dict[str, Any] | None = None) -> int:
    [lead_id] = make_people(workspace, [Person(attributes or {}, acts)], at)
    since = at - 365 * DAY
    ConsentMark.objects.create(workspace=workspace, lead_id=lead_id, valid_since=since, profiled_since=since)
    LeadState.objects.create(workspace=workspace, lead_id=lead_id, stage_since=since)
    return lead_id


def score_at(workspace: Any, lead_id: int, at: datetime, **more: Any) -> Batch:
    batch = Batch(workspace_id=workspace.id, at=at, lead_ids=[lead_id], **more)
    score(batch)
    return batch


def kept(workspace: Any, lead_id: int) -> tuple[float, str | None]:
    found = Score.objects.get(workspace=workspace, lead_id=lead_id)
    return found.total, found.temperature


def score_along(workspace: Any, lead_id: int, since: datetime, at: datetime) -> dict[datetime, str | None]:
    """As a workspace that works does it: at each event, and whenever the score is due. {instant: temperature}"""
    events = sorted(act for act in acts_of(workspace, lead_id) if since < act < at)
    found, instant = dict[datetime, str | None](), since
    while len(found) < 60:
        score_at(workspace, lead_id, instant, is_due=True)
        row = Score.objects.get(workspace=workspace, lead_id=lead_id)
        found[instant] = row.temperature
        ahead = [each for each in (row.next_change_at, *events) if each and each > instant]
        if instant == at:
            break
        instant = min([*ahead, at])
    return found


def acts_of(workspace: Any, lead_id: int) -> list[datetime]:
    rows = fetch_all(
        "SELECT occurred_at FROM lead_event WHERE workspace_id = %s AND lead_id = %s", [workspace.id, lead_id]
    )
    return [row["occurred_at"] for row in rows]


@settings(against_the_database, max_examples=25)
@given(
    model=samples.models(samples.steps | samples.smooth),
    person=samples.people,
    at=st.sampled_from(samples.INSTANTS),
    days=st.integers(1, 12),
)
def test_a_lead_who_is_scored_late_has_the_temperature_of_one_who_was_scored_at_each_instant(
    huerta: Any, model: Any, person: Person, at: datetime, days: int
) -> None:
    make_months(huerta, *samples.MONTHS)
    since = at - days * DAY
    model |= {"temperature": {"warm": 3, "hot": 6, "hysteresis": 30}}
    with Undone():
        version = publish_model(workspace_id=huerta.id, text=pasted(model), at=since)
        live, late = (make_lead(huerta, list(person.acts), at, person.attributes) for _ in range(2))
        stood = score_along(huerta, live, since, at)
        if at not in stood:
            return  # too many instants for an example
        score_at(huerta, late, at)
        assert kept(huerta, late) == kept(huerta, live)
        for instant, temperature in list(stood.items())[::4]:
            told = explain(workspace_id=huerta.id, lead_id=late, model=version, at=instant)
            assert told
            assert told.temperature == temperature


def test_a_band_is_kept_however_late_one_looks(huerta: Any, at: datetime) -> None:
    version = publish_model(workspace_id=huerta.id, text=MODEL, at=at - 10 * DAY)
    acts = [Act("page", 5 * DAY, kind="page"), Act("download", 5 * DAY), Act("download", 4 * DAY)]
    lead = make_lead(huerta, acts, at)
    score_at(huerta, lead, at)  # 89 four days ago, 56 since two days ago
    assert kept(huerta, lead) == (56, "hot")
    assert LeadState.objects.get(lead_id=lead).temperature == "hot"
    for days, temperature in ((6, "cold"), (5, "hot"), (1, "hot"), (11, "cold")):
        told = explain(workspace_id=huerta.id, lead_id=lead, model=version, at=at - days * DAY)
        assert told
        assert told.temperature == temperature
    Score.objects.filter(workspace=huerta).delete()
    LeadState.objects.filter(workspace=huerta).update(temperature=None)
    score_at(huerta, lead, at)
    assert kept(huerta, lead) == (56, "hot")


def test_an_event_that_comes_late_changes_what_was_and_so_what_is(huerta: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=MODEL, at=at - 10 * DAY)
    lead = make_lead(huerta, [Act("download", 5 * DAY), Act("download", 4 * DAY)], at)
    score_at(huerta, lead, at)
    assert kept(huerta, lead) == (56, "warm")
    visit = NewEvent(kind="page", message_id="v", occurred_at=at - 4 * DAY, lead_id=lead)
    news = record_events(workspace_id=huerta.id, events=[visit], received_at=at)
    batch = score_at(huerta, lead, at + HOUR, events=news)
    assert kept(huerta, lead) == (56, "hot")
    assert [event.properties["to"] for event in batch.of_kind("score")] == ["hot"]


def test_a_change_of_band_names_the_rules_and_events_that_caused_it(huerta: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=MODEL, at=at - 10 * DAY)
    lead = make_lead(huerta, [Act("download", DAY)], at)
    score_at(huerta, lead, at)
    visit = NewEvent(kind="page", message_id="v", occurred_at=at + HOUR, lead_id=lead)
    [told] = record_events(workspace_id=huerta.id, events=[visit], received_at=at + HOUR)
    batch = score_at(huerta, lead, at + HOUR, events=[told])
    warmer = {"id": told.id, "name": "page", "occurred_at": (at + HOUR).isoformat()}
    assert changes(batch) == [("temperature_changed", "cold", "hot", [{"rule": "visit", "delta": 33, "event": warmer}])]
    batch = score_at(huerta, lead, at + 4 * DAY, is_due=True)
    aged = [{"rule": "visit", "delta": -33, "why": "aged"}]
    assert changes(batch) == [("temperature_changed", "hot", "warm", aged)]


def test_a_change_of_band_tells_what_they_told_from_what_a_new_version_did(huerta: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=MODEL, at=at - 10 * DAY)
    lead = make_lead(huerta, [Act("download", DAY)], at, {"job_title": "Directora"})
    batch = score_at(huerta, lead, at)
    download = {"id": last_id(huerta), "name": "download", "occurred_at": (at - DAY).isoformat()}
    causes = [{"rule": "download", "delta": 28, "event": download}, {"rule": "director", "delta": 27}]
    assert changes(batch) == [
        ("grade_changed", None, "B", causes[1:]), ("temperature_changed", None, "warm", causes)
    ]  # fmt: skip
    publish_model(workspace_id=huerta.id, text=MODEL.replace("points: 27", "points: 40"), at=at + DAY)
    more = [{"rule": "director", "delta": 13, "why": "model"}]
    found = Event.objects.filter(workspace=huerta, kind="score", occurred_at=at + DAY).order_by("name")
    assert [(each.name, each.properties["causes"]) for each in found] == [
        ("grade_changed", more), ("temperature_changed", more)
    ]  # fmt: skip


def last_id(workspace: Any) -> int:
    found = Event.objects.filter(workspace=workspace, name="download").order_by("-id").first()
    assert found
    return found.id


def changes(batch: Batch) -> list[tuple[str, str | None, str | None, Any]]:
    events = sorted(batch.of_kind("score"), key=lambda event: event.name)
    return [(e.name, e.properties["from"], e.properties["to"], e.properties["causes"]) for e in events]
