"""Segments of a large workspace: built by the job while events come in; and refreshed by two at once."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from cultiva.accounts.actions import create_workspace
from cultiva.consent.models import ConsentMark
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.verdicts import mark_machine
from cultiva.flow import process_due_leads, process_workspace
from cultiva.leads.merging import merge_leads
from cultiva.leads.tests import people
from cultiva.lib.database import execute, fetch_all, workspace_scope
from cultiva.lifecycle.actions import publish_lifecycle
from cultiva.segments import building
from cultiva.segments.actions import clone_segment, delete_segment, pin_leads, save_segment
from cultiva.segments.building import build_all, build_one, go_on
from cultiva.segments.models import Mark, Member, Segment, Wake

AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
SPANISH: Any = {"attribute": "country", "is": "ES"}
VISITED: Any = {"event": "page", "within_days": 30}


def visit(workspace: Any, lead_id: int, at: datetime = AT) -> None:
    event = NewEvent(kind="page", message_id=str(uuid.uuid4()), occurred_at=at, lead_id=lead_id)
    record_events(workspace_id=workspace.id, events=[event], received_at=at)


def members(segment: Segment) -> set[int]:
    return set(Member.objects.filter(segment_id=segment.id, until=None).values_list("lead_id", flat=True))


def moves(segment: Segment) -> list[tuple[str, int, Any]]:
    rows = fetch_all(
        "SELECT name, lead_id, properties FROM event WHERE kind = 'segment' AND properties ->> 'segment' = %s"
        " ORDER BY id",
        [segment.key],
    )
    return [(row["name"], row["lead_id"], row["properties"].get("cause")) for row in rows]


@pytest.fixture
def leads(huerta: Any, at: datetime) -> list[int]:
    people.known_attributes(huerta, at, country="text")
    made = [
        people.lead(huerta, at, f"{n}@a.example", attributes={"country": "ES" if n < 3 else "PT"}) for n in range(5)
    ]
    ConsentMark.objects.bulk_create(ConsentMark(workspace=huerta, lead=lead, valid_since=at) for lead in made)
    process_workspace(workspace_id=huerta.id, at=at)
    return [lead.id for lead in made]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three leads are many."""
    monkeypatch.setattr(building, "SMALL", 3)
    monkeypatch.setattr(building, "CHUNK", 2)


def save(workspace: Any, name: str, criteria: Any, at: datetime, **more: Any) -> Segment:
    return save_segment(workspace_id=workspace.id, name=name, criteria=criteria, by="user:1", at=at, **more)


@pytest.mark.usefixtures("large")
def test_a_large_segment_is_built_by_the_job_and_then_told_of(huerta: Any, leads: list[int], at: datetime) -> None:
    segment = save(huerta, "es", SPANISH, at)
    above = save(huerta, "above", {"not": {"segment": "es"}}, at)
    assert segment.wants_build
    assert members(segment) == set()
    visit(huerta, leads[0])
    process_workspace(workspace_id=huerta.id, at=at)  # what happens meanwhile is marked
    assert members(segment) == set()
    go_on(workspace_id=huerta.id, at=at)
    while process_due_leads(workspace_id=huerta.id, at=at):
        pass
    assert members(segment) == set(leads[:3])
    assert members(above) == set(leads[3:])
    assert moves(segment) == [("entered", lead, "definition") for lead in leads[:3]]
    assert not Mark.objects.filter(workspace=huerta).exists()
    assert not Segment.objects.filter(workspace=huerta, tells_at__isnull=False).exists()


def test_an_act_that_a_machine_did_makes_no_member_at_once_and_in_a_build(
    huerta: Any, leads: list[int], at: datetime
) -> None:
    segment = save(huerta, "visited", VISITED, at)
    visit(huerta, leads[0])
    visit(huerta, leads[1])
    process_workspace(workspace_id=huerta.id, at=at)
    assert members(segment) == set(leads[:2])
    act = fetch_all("SELECT id FROM event WHERE kind = 'page' AND lead_id = %s", [leads[0]])[0]["id"]
    for is_machine, expected in ((True, {leads[1]}), (False, set(leads[:2]))):
        mark_machine(
            workspace_id=huerta.id, lead_id=leads[0], event_id=act, is_machine=is_machine, by="user:1", at=at
        )  # fmt: skip
        process_workspace(workspace_id=huerta.id, at=at)
        assert members(segment) == expected
        build_one(workspace_id=huerta.id, segment_id=segment.id, at=at)
        assert members(segment) == expected


@pytest.mark.usefixtures("large")
def test_what_happened_while_it_was_built_is_not_lost(huerta: Any, leads: list[int], at: datetime) -> None:
    segment = save(huerta, "visited", VISITED, at)
    building.build_now(segment, at)
    Segment.objects.filter(id=segment.id).update(wants_build=True)  # as those see it who do not know of its end
    visit(huerta, leads[4])
    process_workspace(workspace_id=huerta.id, at=at)
    assert members(segment) == set()
    Segment.objects.filter(id=segment.id).update(wants_build=False)
    process_due_leads(workspace_id=huerta.id, at=at)
    assert members(segment) == {leads[4]}
    assert ("entered", leads[4], None) in moves(segment)


def test_the_due_list_lets_time_alone_take_a_lead_out(huerta: Any, leads: list[int], at: datetime) -> None:
    segment = save(huerta, "thrice", VISITED | {"times": {"at_least": 3}}, at)
    for days in (20, 10, 5, 0):
        visit(huerta, leads[0], at - timedelta(days=days))
    process_workspace(workspace_id=huerta.id, at=at)
    assert members(segment) == {leads[0]}
    # Four visits: the segment is left when the second oldest leaves the window, and not before.
    assert list(Wake.objects.values_list("segment_ids", "due_ats")) == [([segment.id], [at + timedelta(days=20)])]
    before = at + timedelta(days=20, microseconds=-1)
    assert process_due_leads(workspace_id=huerta.id, at=before) == 0
    assert process_due_leads(workspace_id=huerta.id, at=at + timedelta(days=20)) == 1
    assert members(segment) == set()
    assert moves(segment) == [("entered", leads[0], None), ("left", leads[0], None)]
    assert not Wake.objects.filter(workspace=huerta).exists()


def test_a_build_writes_differences_only(huerta: Any, leads: list[int], at: datetime) -> None:
    segment = save(huerta, "es", SPANISH, at)
    first = Member.objects.filter(segment=segment).order_by("lead_id").first()
    assert first is not None
    execute("UPDATE segment_member SET lead_id = %s WHERE id = %s", [leads[4], first.id])  # somebody broke it
    later = at + timedelta(days=1)
    built = build_one(workspace_id=huerta.id, segment_id=segment.id, at=later)
    assert (built.entered, built.left) == (1, 1)
    assert members(segment) == set(leads[:3])
    assert set(Member.objects.filter(segment=segment, since=at, until=None).values_list("lead_id", flat=True)) == set(
        leads[1:3]
    )
    assert set(build_all(workspace_id=huerta.id, at=later).values()) == {building.Built(0, 0)}


def test_a_change_of_criteria_reaches_the_segments_above(huerta: Any, leads: list[int], at: datetime) -> None:
    save(huerta, "es", SPANISH, at)
    middle = save(huerta, "middle", {"segment": "es"}, at)
    top = save(huerta, "top", {"not": {"segment": "middle"}}, at)
    save(huerta, "es", {"attribute": "country", "is": "PT"}, at)
    assert members(middle) == set(leads[3:])
    assert members(top) == set(leads[:3])


def test_pins_survive_builds_and_copies(huerta: Any, leads: list[int], at: datetime) -> None:
    segment = save(huerta, "es", SPANISH, at)
    pin = {"workspace_id": huerta.id, "segment_id": segment.id, "by": "user:1", "at": at}
    pin_leads(**pin, lead_ids=[leads[4], 10**12], is_included=True)
    pin_leads(**pin, lead_ids=[leads[0]], is_included=False)
    expected = {*leads[1:3], leads[4]}
    assert members(segment) == expected
    assert build_one(workspace_id=huerta.id, segment_id=segment.id, at=at) == building.Built(0, 0)
    copy = clone_segment(workspace_id=huerta.id, segment_id=segment.id, name="es", by="user:1", at=at)
    assert members(copy) == expected


def test_everybody_judged_at_once_stands_where_each_one_stands(huerta: Any, leads: list[int], at: datetime) -> None:
    stages = "lifecycle: sales\nstages: [{key: lead}, {key: known}]\nstart: lead\n"
    guard = "transitions: [{key: home, from: lead, to: known, when: {attribute: country, is: ES}}]"
    publish_lifecycle(workspace_id=huerta.id, text=stages + guard, at=at)
    known, start = save(huerta, "known", {"stage": "known"}, at), save(huerta, "start", {"stage": "lead"}, at)
    assert (members(known), members(start)) == (set(), set(leads))
    for lead_id in leads:
        visit(huerta, lead_id)
    process_workspace(workspace_id=huerta.id, at=at)
    assert (members(known), members(start)) == (set(leads[:3]), set(leads[3:]))
    for each in (known, start):
        built = build_one(workspace_id=huerta.id, segment_id=each.id, at=at)
        assert (built.entered, built.left) == (0, 0)


def test_another_workspace_is_untouched(huerta: Any, other_co: Any, leads: list[int], at: datetime) -> None:
    save(huerta, "es", SPANISH, at)
    with workspace_scope(other_co.id):
        people.known_attributes(other_co, at, country="text")
        assert not Member.objects.exists()
        theirs = save(other_co, "es", SPANISH, at)
        assert members(theirs) == set()


@pytest.fixture
def committed(django_db_blocker: Any, django_db_setup: None) -> Iterator[Any]:
    """A workspace whose rows are committed, for tests with several connections. It is emptied of work at the end."""
    with django_db_blocker.unblock():
        workspace = create_workspace(slug=f"w-{uuid.uuid4().hex[:8]}", name="Huerta", at=AT)
        yield workspace
        with workspace_scope(workspace.id):
            for table in ("event_inbox", "lead_inbox", "flow_failure"):
                execute(f"DELETE FROM {table}")
        connection.close()


def at_once(*works: Callable[[], Any]) -> None:
    errors: list[BaseException] = []

    def run(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []


def test_builds_and_refreshes_at_once_leave_each_member_once(committed: Any) -> None:
    with workspace_scope(committed.id):
        leads = [people.lead(committed, AT, f"{n}@a.example").id for n in range(60)]
    process_workspace(workspace_id=committed.id, at=AT)
    segment = save(committed, "visited", VISITED, AT, takes_only_valid=False)
    with workspace_scope(committed.id):
        for lead_id in leads:
            visit(committed, lead_id)

    def flow() -> None:
        for _ in range(10):
            process_workspace(workspace_id=committed.id, at=AT)
            process_due_leads(workspace_id=committed.id, at=AT)

    def build() -> None:
        for _ in range(3):
            build_one(workspace_id=committed.id, segment_id=segment.id, at=AT)

    at_once(flow, build, flow, build)
    flow()
    with workspace_scope(committed.id):
        assert members(segment) == set(leads)
        assert Member.objects.filter(segment=segment).count() == len(leads)
        assert sorted(move[1] for move in moves(segment) if move[0] == "entered") == leads
        assert building.build_now(segment, AT) == building.Built(0, 0)
    delete_segment(workspace_id=committed.id, segment_id=segment.id, by="user:1", at=AT)


def test_who_is_merged_while_a_segment_is_built_is_in_it_once(committed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with workspace_scope(committed.id):
        kept, merged = (people.lead(committed, AT, f"{n}@a.example").id for n in range(2))
    process_workspace(workspace_id=committed.id, at=AT)
    segment = save(committed, "everybody", {"not": {"event": "page"}}, AT, takes_only_valid=False)
    with workspace_scope(committed.id):
        execute("DELETE FROM segment_member WHERE segment_id = %s", [segment.id])
    judge_everybody, judged = building._judge_everybody, threading.Event()

    def judge_and_linger(*args: Any, **more: Any) -> None:
        judge_everybody(*args, **more)
        judged.set()
        time.sleep(0.5)

    monkeypatch.setattr(building, "_judge_everybody", judge_and_linger)

    def build() -> None:
        build_one(workspace_id=committed.id, segment_id=segment.id, at=AT)

    def merge() -> None:
        assert judged.wait(10)
        merge_leads(workspace_id=committed.id, kept_id=kept, merged_id=merged, at=AT, by="user:1", force=True)

    at_once(build, merge)
    process_workspace(workspace_id=committed.id, at=AT)
    with workspace_scope(committed.id):
        assert members(segment) == {kept}
    delete_segment(workspace_id=committed.id, segment_id=segment.id, by="user:1", at=AT)
