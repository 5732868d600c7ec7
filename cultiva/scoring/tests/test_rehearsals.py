"""Rehearsals over the workspace's own past."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from cultiva.accounts.models import Workspace
from cultiva.criteria.tests.cast import Act, Person
from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.models import Lead
from cultiva.leads.projecting import project_leads
from cultiva.lib.refusals import Refusal
from cultiva.scoring.models import Rehearsal, RehearsalChange
from cultiva.scoring.rehearsal import workspace as rehearsing
from cultiva.scoring.rehearsal.workspace import ask_rehearsal, run_next, stop_rehearsal
from cultiva.scoring.tests.test_scoring import make_leads

LIVE = """
model: live
goal: purchase
dimensions: {all: {}}
rules:
  - {key: page, dimension: all, when: {event: page}, points: 10, count: each, max: 40}
temperature: {warm: 10, hot: 20}
"""
DRAFT = """
model: draft
goal: purchase
dimensions: {all: {}}
rules:
  - {key: director, dimension: all, when: {attribute: job_title, is: director}, points: 30}
temperature: {warm: 10, hot: 20}
"""
FIRST, LAST = date(2026, 1, 5), date(2026, 2, 2)
REAL = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _archive_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, data_folder=tmp_path))


def made(workspace: Any, at: datetime) -> list[int]:
    """Ana looks at pages in January and buys in February; Leo is a director since the end of January; Eva is quiet."""
    ids = make_leads(workspace, [Person({}, [Act("page", at - datetime(2026, 1, day, tzinfo=UTC), kind="page")
                     for day in (7, 14)]), Person(), Person()], at)  # fmt: skip
    Lead.objects.filter(workspace=workspace, id__in=ids).update(created_at=datetime(2026, 1, 1, tzinfo=UTC))
    happen(workspace, ids[0], "track", datetime(2026, 2, 10, tzinfo=UTC), "purchase")
    happen(workspace, ids[1], "identify", datetime(2026, 1, 28, tzinfo=UTC), properties={"job_title": "director"})
    project_leads(workspace_id=workspace.id, lead_ids=[ids[1]], at=at)
    return ids


def happen(workspace: Any, lead: int, kind: str, at: datetime, name: str = "", **more: Any) -> None:
    event = NewEvent(kind, f"{kind}:{name}:{lead}:{at}", at, name=name, lead_id=lead, **more)
    record_events(workspace_id=workspace.id, events=[event], received_at=None)


def rehearsed(workspace: Any, at: datetime, **more: Any) -> Rehearsal:
    given = {"first": FIRST, "last": LAST, "horizon_days": 30, **more}
    asked = ask_rehearsal(workspace_id=workspace.id, texts=[LIVE, DRAFT], by="user:1", at=at, **given)
    assert run_next(workspace_id=workspace.id, at=at, real_now=REAL) == 1
    return Rehearsal.objects.get(workspace=workspace, id=asked.id)


def test_models_are_asked_with_what_was_known_then_and_compared_with_what_came(huerta: Any, at: datetime) -> None:
    ana, leo, _eva = made(huerta, at)
    found = rehearsed(huerta, at)
    assert (found.state, found.done, found.dates) == ("done", 10, 10)
    live, draft = found.report["models"]
    assert [week["hot"] for week in live["forecast"]["bands"]] == [0, 0, 1, 1, 1]
    assert [week["hot"] for week in draft["forecast"]["bands"]] == [0, 0, 0, 0, 1]  # a director since the 28th
    assert live["outcome"]["auc"] > 0.5 > draft["outcome"]["auc"]
    moved = RehearsalChange.objects.filter(rehearsal=found, place=1).order_by("lead_id")
    assert [(each.lead_id, each.from_band, each.to_band) for each in moved] == [
        (ana, "hot", "cold"),
        (leo, "cold", "hot"),
    ]
    assert draft["against_first"]["changed"] == 2
    assert "leads" not in draft["against_first"]  # who, stands in a table that goes with the lead
    assert run_next(workspace_id=huerta.id, at=at, real_now=REAL) == 0


def test_the_forecast_is_the_same_whatever_came_later(huerta: Any, at: datetime) -> None:
    """Conversions, acts and titles after the last date are planted: no forecast moves by a byte."""
    ids = made(huerta, at)
    before = [json.dumps(each["forecast"]) for each in rehearsed(huerta, at).report["models"]]
    for lead in ids[1:]:
        happen(huerta, lead, "track", datetime(2026, 2, 3, tzinfo=UTC), "purchase")
        happen(huerta, lead, "page", datetime(2026, 2, 3, tzinfo=UTC))
        happen(huerta, lead, "identify", datetime(2026, 2, 4, tzinfo=UTC), properties={"job_title": "director"})
    project_leads(workspace_id=huerta.id, lead_ids=ids, at=at)
    after = rehearsed(huerta, at)
    assert [json.dumps(each["forecast"]) for each in after.report["models"]] == before
    assert after.report["models"][0]["outcome"]["converted"] > 3


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"last": date(2025, 12, 1)}, "holds no date"),
        ({"last": date(2027, 1, 1)}, "still to come"),
        ({"horizon_days": 0}, "horizon"),
        ({"capacity": -1}, "capacity"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(huerta: Any, at: datetime, more: Any, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        rehearsed(huerta, at, **more)


def test_a_worker_that_dies_gives_it_back_and_who_stops_it_ends_it(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(huerta, at)
    run = rehearsing._run
    monkeypatch.setattr(rehearsing, "_run", lambda *_: None)  # killed before it could tell
    left = rehearsed(huerta, at)
    assert left.state == "running"
    assert run_next(workspace_id=huerta.id, at=at, real_now=REAL) == 0
    monkeypatch.setattr(rehearsing, "_run", run)
    assert run_next(workspace_id=huerta.id, at=at, real_now=REAL + timedelta(minutes=6)) == 1
    assert Rehearsal.objects.get(id=left.id).state == "done"

    def stops(found: Rehearsal, at: datetime) -> None:
        assert stop_rehearsal(workspace_id=huerta.id, rehearsal_id=found.id)
        run(found, at)

    monkeypatch.setattr(rehearsing, "_run", stops)
    stopped = rehearsed(huerta, at)
    assert (stopped.state, stopped.report) == ("stopped", {})


def test_what_fails_says_why(huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(rehearsing, "_run", fails)
    found = rehearsed(huerta, at)
    assert (found.state, found.problem) == ("failed", "no space left")


def test_another_workspace_sees_nothing_of_it(huerta: Any, other_co: Workspace, at: datetime) -> None:
    made(huerta, at)
    rehearsed(huerta, at)
    assert run_next(workspace_id=other_co.id, at=at, real_now=REAL) == 0
