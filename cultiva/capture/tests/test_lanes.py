"""Files brought in by two lanes, on connections of their own: what is in the database is committed."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest.mock import patch

import pytest

from cultiva.capture.imports import lanes
from cultiva.capture.imports.running import create_import, go_on, prepare, rehearse, start, suggest_plan
from cultiva.capture.models import Import
from cultiva.consent.verifying import verify_chain
from cultiva.events.models import Event
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope

PEOPLE = 30
# Each person stands in the file twice, far apart, and moves to another city; every tenth row is nobody's.
TEXT = "email,city,consent time,consent ip\n" + "".join(
    f"{'broken' if n % 10 == 9 else f'p{n % PEOPLE}@example.com'},City {n},2025-05-01 10:00:00,203.0.113.7\n"
    for n in range(2 * PEOPLE)
)
CREATED, INVALID = PEOPLE - 3, 6


@pytest.fixture
def run(committed: Any, at: datetime) -> Import:
    made = create_import(workspace_id=committed.id, kind="leads", name="p.csv", file=io.BytesIO(TEXT.encode()), at=at)
    plan = replace(suggest_plan(run=made, language="es", time_zone="Europe/Madrid"), purposes=("marketing",))
    return prepare(run=made, plan=plan, basis="proof")


@pytest.mark.parametrize("chunk", [1, 4, 5000])
def test_two_lanes_bring_in_what_the_rehearsal_counted(run: Import, at: datetime, chunk: int) -> None:
    with patch("cultiva.capture.imports.running.CHUNK_ROWS", chunk):
        said = rehearse(run=run, at=at)
        done = go_on(run=start(run=run, at=at, actor="test"), now=lambda: at)
    assert done.state == "done"
    assert done.counts == {key: number for key, number in said.items() if key != "examples"}
    assert_whole(done)


def test_a_lane_that_is_lost_is_the_only_one_done_anew(run: Import, at: datetime) -> None:
    going = start(run=run, at=at, actor="test")
    with patch("cultiva.capture.imports.running.CHUNK_ROWS", 7), pytest.raises(KeyError), losing(lane=1, after=2):
        go_on(run=going, now=lambda: at)
    with workspace_scope(run.workspace_id):
        found = Import.objects.get(id=run.id)
        assert (found.position, found.state) == (14, "running")
        assert found.lanes[0] > found.lanes[1] == 14
        assert 0 < found.counts["created"] < CREATED
    assert_whole(go_on(run=found, now=lambda: at))  # whose chunks are larger by now


@pytest.mark.parametrize("later", [1, 3])
def test_an_import_goes_on_in_as_many_lanes_as_it_began_with(run: Import, at: datetime, later: int) -> None:
    """Whatever the number is by then: otherwise rows of one lane would be left out as those of another."""
    going = start(run=run, at=at, actor="test")
    with patch("cultiva.capture.imports.running.CHUNK_ROWS", 7), pytest.raises(KeyError), losing(lane=1, after=2):
        go_on(run=going, now=lambda: at)
    with workspace_scope(run.workspace_id):
        found = Import.objects.get(id=run.id)
        assert found.lanes[0] != found.lanes[1]
    with patch.object(lanes, "LANES", later):
        done = go_on(run=found, now=lambda: at)
    assert_whole(done)


def test_whoever_goes_on_in_a_transaction_repeats_no_row_of_the_lane_ahead(run: Import, at: datetime) -> None:
    going = start(run=run, at=at, actor="test")
    with patch("cultiva.capture.imports.running.CHUNK_ROWS", 7), pytest.raises(KeyError), losing(lane=1, after=2):
        go_on(run=going, now=lambda: at)
    with workspace_scope(run.workspace_id):  # one transaction, to the file's end
        found = Import.objects.get(id=run.id)
        assert found.lanes[0] != found.lanes[1]
        assert_whole(go_on(run=found, now=lambda: at))


def losing(*, lane: int, after: int) -> Any:
    """From the second chunk on, the process dies in this lane."""
    seen: list[int] = []
    save: Callable[..., bool] = lanes.Lanes._write_lane

    def write(self: lanes.Lanes, number: int, rows: Any, begin: int, end: int) -> Any:
        seen.extend([number] if number == lane else [])
        if number == lane and len(seen) == after:
            raise KeyError("killed")
        return save(self, number, rows, begin, end)

    return patch.object(lanes.Lanes, "_write_lane", write)


def assert_whole(run: Import) -> None:
    with workspace_scope(run.workspace_id):
        run = Import.objects.get(id=run.id)
        assert (run.state, run.position, run.lanes) == ("done", 2 * PEOPLE, [2 * PEOPLE] * lanes.LANES)
        assert (run.counts["rows"], run.counts["created"], run.counts["invalid"]) == (2 * PEOPLE, CREATED, INVALID)
        assert Event.objects.filter(kind="identify").count() == 2 * PEOPLE - INVALID
        cities = {lead.email: lead.attributes["city"] for lead in Lead.objects.all()}
        assert cities == {f"p{n}@example.com": f"City {n + PEOPLE}" for n in range(PEOPLE) if n % 10 != 9}
        for lead in Lead.objects.all():
            assert verify_chain(workspace_id=run.workspace_id, lead_id=lead.id).is_whole
