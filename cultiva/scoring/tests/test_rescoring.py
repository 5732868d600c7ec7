"""Publishing: everybody is scored anew beside the old scores, which readers see until all are there."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from cultiva.consent.models import ConsentMark
from cultiva.criteria.tests.cast import Person
from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.models import LeadState
from cultiva.lib.database import fetch_all
from cultiva.scoring import rescoring
from cultiva.scoring.actions import explain, primary_model, publish_model, rescore_due
from cultiva.scoring.models import ModelVersion, Rescoring, Score
from cultiva.scoring.tests.test_scoring import DAY, HOUR, MODEL, downloads, make_leads, score_at, totals
from cultiva.segments.actions import save_segment
from cultiva.segments.models import Segment

HIGHER = MODEL.replace("points: 10", "points: 40")


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Workspaces of one lead are large, and their archive has a place."""
    monkeypatch.setattr(rescoring, "SMALL", 0)
    monkeypatch.setattr(rescoring, "CHUNK", 2)
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, data_folder=tmp_path))


def told(workspace: Any) -> list[tuple[str, Any]]:
    sql = "SELECT name, properties FROM event WHERE workspace_id = %s AND kind = 'score' ORDER BY id"
    return [(row["name"], row["properties"]) for row in fetch_all(sql, [workspace.id])]


def waiting_in_line(workspace: Any) -> int:
    """Events whose leads go through every step of flow; others are only counted."""
    sql = "SELECT count(*) AS n FROM event_inbox WHERE workspace_id = %s AND NOT is_passed_on"
    return int(fetch_all(sql, [workspace.id])[0]["n"])


def test_a_small_workspace_is_scored_at_once_and_nobody_is_handed_over(huerta: Any, at: datetime) -> None:
    ids = make_leads(huerta, [Person({}, downloads(DAY)), Person()], at)
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    assert totals(huerta) == {ids[0]: 10, ids[1]: 0}
    second = publish_model(workspace_id=huerta.id, text=HIGHER, at=at + HOUR)
    assert totals(huerta) == {ids[0]: 40, ids[1]: 0}
    assert set(Score.objects.filter(workspace=huerta).values_list("model_id", flat=True)) == {second.id}
    assert LeadState.objects.get(workspace=huerta, lead_id=ids[0]).temperature == "warm"
    assert [(name, properties["to"], properties["cause"]) for name, properties in told(huerta)] == [
        ("temperature_changed", "warm", "version")
    ]
    assert rescore_due(workspace_id=huerta.id, at=at + HOUR) == []
    work = Rescoring.objects.get(workspace=huerta, model=second)
    assert (work.state, work.leads, work.changed) == ("done", 2, 1)


@pytest.mark.usefixtures("large")
def test_until_everybody_is_scored_the_version_before_is_in_force(huerta: Any, at: datetime) -> None:
    ids = make_leads(huerta, [Person({}, downloads(DAY, 2 * DAY)), Person(), Person({"job_title": "Director"})], at)
    first = publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    assert first == primary_model(huerta.id)  # there is none before it
    assert rescoring.go_on(workspace_id=huerta.id, at=at) == 1
    assert totals(huerta) == {ids[0]: 20, ids[1]: 0, ids[2]: 15}
    second = publish_model(workspace_id=huerta.id, text=HIGHER, at=at + HOUR)
    assert publish_model(workspace_id=huerta.id, text=HIGHER, at=at + HOUR) == second  # said twice
    assert primary_model(huerta.id) == first
    assert totals(huerta) == {ids[0]: 20, ids[1]: 0, ids[2]: 15}
    assert rescoring.go_on(workspace_id=huerta.id, at=at + HOUR) == 1
    assert rescoring.go_on(workspace_id=huerta.id, at=at + HOUR) == 0
    assert primary_model(huerta.id) == second
    for lead in ids:
        found = Score.objects.get(workspace=huerta, lead_id=lead)
        expected = explain(workspace_id=huerta.id, lead_id=lead, model=second, at=at + HOUR)
        assert expected is not None
        assert (found.model_id, found.total) == (second.id, expected.shown_total)
        assert found.dimensions == {each.name: each.shown for each in expected.dimensions}
        assert found.next_change_at == expected.next_change_at
        assert LeadState.objects.get(workspace=huerta, lead_id=lead).score == found.total


@pytest.mark.usefixtures("large")
def test_who_does_something_meanwhile_or_objects_is_not_overwritten(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = make_leads(huerta, [Person({}, downloads(DAY)), Person({}, downloads(DAY)), Person()], at)
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    rescoring.go_on(workspace_id=huerta.id, at=at)
    later, scored = at + HOUR, rescoring._score_all
    publish_model(workspace_id=huerta.id, text=HIGHER, at=later)

    def meanwhile(*given: Any) -> Any:
        found = scored(*given)
        event = NewEvent("track", "late", later + timedelta(seconds=1), name="download", lead_id=ids[0])
        record_events(workspace_id=huerta.id, events=[event], received_at=event.occurred_at)
        ConsentMark.objects.filter(workspace=huerta, lead_id=ids[1]).update(objected_at=later)
        score_at(huerta, ids[:2], later + timedelta(seconds=2))
        return found

    monkeypatch.setattr(rescoring, "_score_all", meanwhile)
    rescoring.go_on(workspace_id=huerta.id, at=later)
    assert totals(huerta) == {ids[0]: 20, ids[2]: 0}  # that of the version before, until flow comes, which is now
    assert rescore_due(workspace_id=huerta.id, at=later) == [ids[0]]
    score_at(huerta, [ids[0]], later + timedelta(seconds=3))
    assert totals(huerta) == {ids[0]: 50, ids[2]: 0}


@pytest.mark.usefixtures("large")
def test_a_version_published_meanwhile_takes_its_place(huerta: Any, at: datetime) -> None:
    [lead] = make_leads(huerta, [Person({}, downloads(DAY))], at)
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    rescoring.go_on(workspace_id=huerta.id, at=at)
    publish_model(workspace_id=huerta.id, text=HIGHER, at=at)
    third = publish_model(workspace_id=huerta.id, text=MODEL.replace("points: 10", "points: 30"), at=at)
    assert rescoring.go_on(workspace_id=huerta.id, at=at) == 1
    assert (primary_model(huerta.id), totals(huerta)) == (third, {lead: 30})


@pytest.mark.usefixtures("large")
def test_what_fails_leaves_the_version_before_in_force_and_says_why(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    [lead] = make_leads(huerta, [Person({}, downloads(DAY))], at)
    first = publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    rescoring.go_on(workspace_id=huerta.id, at=at)
    second = publish_model(workspace_id=huerta.id, text=HIGHER, at=at)

    def fails(*_: Any) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(rescoring, "_score_all", fails)
        rescoring.go_on(workspace_id=huerta.id, at=at)
    assert (primary_model(huerta.id), totals(huerta)) == (first, {lead: 10})
    assert Rescoring.objects.get(workspace=huerta, model=second).problem == "OSError: no space left"
    again = publish_model(workspace_id=huerta.id, text=HIGHER, at=at)
    rescoring.go_on(workspace_id=huerta.id, at=at)
    assert (again.version, primary_model(huerta.id), totals(huerta)) == (3, again, {lead: 40})


@pytest.mark.parametrize("acts_on_bands", [False, True])
def test_bands_crossed_by_a_version_have_consequences_only_if_the_author_wants_it(
    huerta: Any, at: datetime, acts_on_bands: bool
) -> None:
    make_leads(huerta, [Person({}, downloads(DAY))], at)
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    before = waiting_in_line(huerta)
    publish_model(workspace_id=huerta.id, text=HIGHER, at=at, acts_on_bands=acts_on_bands)
    assert waiting_in_line(huerta) - before == int(acts_on_bands)


def test_segments_that_read_scores_are_built_anew(huerta: Any, at: datetime) -> None:
    make_leads(huerta, [Person({}, downloads(DAY))], at)
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    for key, criteria in {"warm": {"temperature": "warm"}, "vip": {"tag": "vip"}}.items():
        save_segment(workspace_id=huerta.id, name=key, key=key, criteria=criteria, by="ana", at=at)
    publish_model(workspace_id=huerta.id, text=HIGHER, at=at)
    assert list(Segment.objects.filter(wants_build=True).values_list("key", flat=True)) == ["warm"]


def test_another_workspaces_versions_are_its_own(huerta: Any, other_co: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    assert not ModelVersion.currents(other_co.id).exists()
