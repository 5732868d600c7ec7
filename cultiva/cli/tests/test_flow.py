"""The stages of flow: nothing skipped, nothing twice, one lead in one batch at a time; what fails stands aside."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from prometheus_client import CollectorRegistry, generate_latest

from cultiva import flow
from cultiva.accounts.actions import create_workspace
from cultiva.cli import doctor
from cultiva.cli.up import Supervisor
from cultiva.events import failures as failing
from cultiva.events.actions import NewEvent, record_events, visitor_of
from cultiva.events.batch import Batch
from cultiva.events.inbox import claim_arrivals
from cultiva.events.seen import names_seen
from cultiva.flow import Pace, process_due_leads, process_leads, process_waiting, process_workspace, try_again
from cultiva.leads.actions import link_visitor, lock_leads, save_lead
from cultiva.lib import clock
from cultiva.lib.config import read_config
from cultiva.lib.database import execute, fetch_all, workspace_scope
from cultiva.lib.timings import Timings, timings_by_worker
from cultiva.web.metrics import FlowMetrics, serve_metrics

WAITING = "SELECT (SELECT count(*) FROM event_inbox) AS events, (SELECT count(*) FROM lead_inbox) AS leads"
NOTHING = {"events": 0, "leads": 0}


def make_leads(workspace: Any, at: datetime, number: int) -> list[int]:
    """Leads, each with a linked visitor (`visitor`), and nothing waiting."""
    found = []
    with workspace_scope(workspace.id):
        for n in range(number):
            lead, _ = save_lead(
                workspace_id=workspace.id, email=f"l{n}@example.com", attributes={}, language="es",
                source_kind="form", at=at,
            )  # fmt: skip
            link_visitor(workspace_id=workspace.id, visitor=visitor(workspace, n), lead_id=lead.id, at=at)
            found.append(lead.id)
    process_workspace(workspace_id=workspace.id, at=at)
    return found


def visitor(workspace: Any, n: int) -> Any:
    return visitor_of(workspace_id=workspace.id, source_id=1, anonymous_id=f"v{n}")


def page(workspace: Any, n: int, at: datetime, name: str = "", **more: Any) -> NewEvent:
    return NewEvent(
        kind="track", name=name or "seen", message_id=str(uuid4()), occurred_at=at, source_id=1,
        visitor=visitor(workspace, n), **more,
    )  # fmt: skip


def send(workspace: Any, at: datetime, *events: NewEvent) -> None:
    record_events(workspace_id=workspace.id, received_at=at, events=events)


Seen = list[tuple[tuple[int, ...], tuple[str, ...]]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """(leads, names of their events) of each batch that the steps finished."""
    batches: Seen = []
    note = {"count": lambda batch: batches.append((tuple(batch.lead_ids), tuple(e.name for e in batch.events)))}
    monkeypatch.setattr(flow, "STEPS", note)
    return batches


def test_events_of_a_known_visitor_reach_the_steps_with_their_lead(huerta: Any, at: datetime, seen: Seen) -> None:
    lead_ids = make_leads(huerta, at, 2)
    seen.clear()
    send(huerta, at, page(huerta, 0, at, "a"), page(huerta, 7, at, "stranger"), page(huerta, 1, at, "b"))
    process_workspace(workspace_id=huerta.id, at=at)
    assert seen == [(tuple(lead_ids), ("a", "b"))]
    assert fetch_all(WAITING) == [NOTHING]


def test_a_lead_touched_by_a_new_link_alone_goes_through_the_steps(
    huerta: Any, at: datetime, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_ids = make_leads(huerta, at, 1)
    seen.clear()

    def touch(batch: Batch) -> None:
        batch.lead_ids = lead_ids

    monkeypatch.setattr(flow, "ARRIVALS", {"touch": touch})
    send(huerta, at, page(huerta, 9, at))
    process_workspace(workspace_id=huerta.id, at=at)
    assert seen == [(tuple(lead_ids), ())]


def test_a_lead_that_is_gone_is_passed_over(huerta: Any, at: datetime, seen: Seen) -> None:
    send(huerta, at, NewEvent(kind="track", message_id="g", occurred_at=at, lead_id=999_999))
    process_workspace(workspace_id=huerta.id, at=at)
    assert (seen, fetch_all(WAITING)) == ([], [NOTHING])


def test_what_steps_record_is_counted_and_not_worked_on_again(huerta: Any, at: datetime, seen: Seen) -> None:
    lead_ids = make_leads(huerta, at, 1)
    seen.clear()
    own = NewEvent(kind="stage", name="stage_changed", message_id="s", occurred_at=at, lead_id=lead_ids[0])
    Batch(workspace_id=huerta.id, at=at).record([own])
    process_workspace(workspace_id=huerta.id, at=at)
    assert (seen, fetch_all(WAITING)) == ([], [NOTHING])
    assert [each.count for each in names_seen(workspace_id=huerta.id) if each.name == "stage_changed"] == [1]


@pytest.mark.parametrize(
    ("fixed", "each", "least", "most"),
    [
        (0.02, 0.0005, 250, 400),  # as on a quiet machine: 310 events in 175 ms
        (0.02, 0.005, 50, 50),
        (0.02, 0.00001, 2000, 2000),
        (0.3, 0.001, 250, 350),  # a batch alone takes 300 ms: smaller ones would not help
    ],
)
def test_batches_find_the_size_that_takes_a_fifth_of_a_second(fixed: float, each: float, least: int, most: int) -> None:
    pace, chance = Pace(), random.Random(7)
    for _ in range(60):
        taken = pace.size if chance.random() < 0.7 else chance.randrange(1, pace.size)
        pace.note(taken, (fixed + each * taken) * chance.uniform(0.9, 1.1))
    assert least <= pace.size <= most


def test_the_size_follows_a_machine_that_gets_slower() -> None:
    pace = Pace()
    for seconds_each in (0.0005, 0.002):
        for n in range(60):
            taken = pace.size - n % 7
            pace.note(taken, 0.02 + seconds_each * taken)
    assert 60 <= pace.size <= 100


@pytest.fixture
def committed(django_db_blocker: Any, django_db_setup: None, at: datetime) -> Iterator[Any]:
    """A workspace whose rows are committed, for tests with several connections. It is emptied of work at the end."""
    with django_db_blocker.unblock():
        workspace = create_workspace(slug=f"flow-{uuid4().hex[:12]}", name="Flow", at=at)
        yield workspace
        with workspace_scope(workspace.id):
            for table in ("event_inbox", "lead_inbox", "flow_failure"):
                execute(f"DELETE FROM {table}")
        connection.close()


def in_threads(*works: Callable[[], None]) -> None:
    errors: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def test_nothing_is_skipped_or_doubled_whoever_writes_and_works_side_by_side(
    committed: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writers commit late and out of order; workers meet, and now and then one of them fails and starts over."""
    lead_ids = make_leads(committed, at, 25)
    counted: list[int] = []  # ids of events, noted only by transactions that commit
    order: dict[int, list[int]] = {lead_id: [] for lead_id in lead_ids}
    at_work: Counter[int] = Counter()
    clashes: list[int] = []
    lock = threading.Lock()

    def count(batch: Batch) -> None:
        with lock:
            at_work.update(batch.lead_ids)
            clashes.extend(lead for lead in batch.lead_ids if at_work[lead] > 1)
        try:
            time.sleep(random.uniform(0, 0.01))
            if random.random() < 0.1:
                raise OperationalError("away") from psycopg.errors.DeadlockDetected()
        finally:
            with lock:
                at_work.subtract(batch.lead_ids)

        def done() -> None:
            with lock:
                for event in batch.events:
                    counted.append(event.id)
                    order[event.lead_id or 0].append(int(event.properties["n"]))

        transaction.on_commit(done)

    monkeypatch.setattr(flow, "STEPS", {"count": count})
    written = threading.Event()
    writers, each = 4, 120

    def write(writer: int) -> Callable[[], None]:
        def run() -> None:
            for n in range(each):
                number = random.randrange(writer, 25, writers)  # one writer a visitor: `n` ascends with the ids
                with workspace_scope(committed.id):
                    send(committed, at, page(committed, number, at, properties={"n": n}))
                    time.sleep(random.choice((0, 0, 0, 0.002, 0.03)))

        return run

    def work() -> None:
        is_last = False
        while not is_last:
            is_last = written.is_set()
            with_rest = process_waiting(at=at)
            is_last = is_last and not with_rest and fetch_in(committed, WAITING) == [NOTHING]

    def write_all() -> None:
        in_threads(*(write(writer) for writer in range(writers)))
        written.set()

    in_threads(write_all, work, work, work)
    with workspace_scope(committed.id):
        stored = [row["id"] for row in fetch_all("SELECT id FROM event WHERE source_id = 1 AND name = 'seen'")]
    assert clashes == []
    assert len(stored) == writers * each
    assert Counter(counted) == Counter(stored)
    assert all(numbers == sorted(numbers) for numbers in order.values())
    assert {n.name: n.count for n in names_seen(workspace_id=committed.id)}["seen"] == writers * each


def fetch_in(workspace: Any, sql: str) -> list[dict[str, Any]]:
    with workspace_scope(workspace.id):
        return fetch_all(sql)


@contextmanager
def elsewhere(workspace: Any, work: Callable[[], object]) -> Iterator[None]:
    """In a transaction of another connection that stays open, after its work is done."""
    is_done, may_end = threading.Event(), threading.Event()

    def run() -> None:
        with workspace_scope(workspace.id):
            work()
            is_done.set()
            may_end.wait(20)

    thread = threading.Thread(target=lambda: in_threads(run))
    thread.start()
    is_done.wait(20)
    try:
        yield
    finally:
        may_end.set()
        thread.join()


def held_elsewhere(workspace: Any, lead_ids: list[int]) -> AbstractContextManager[None]:
    return elsewhere(workspace, lambda: lock_leads(workspace_id=workspace.id, lead_ids=lead_ids))


def test_later_events_of_a_visitor_wait_while_earlier_ones_are_in_work(
    committed: Any, at: datetime, seen: Seen
) -> None:
    make_leads(committed, at, 12)
    seen.clear()
    shards = [fetch_all("SELECT event_shard(%s, NULL) AS s", [visitor(committed, n)])[0]["s"] for n in range(12)]
    other = next(n for n in range(12) if shards[n] != shards[0])
    with workspace_scope(committed.id):
        send(committed, at, page(committed, 0, at, "first"))
    with elsewhere(committed, lambda: claim_arrivals(workspace_id=committed.id, limit=10)):
        with workspace_scope(committed.id):
            send(committed, at, page(committed, 0, at, "second"), page(committed, other, at, "another's"))
        process_workspace(workspace_id=committed.id, at=at)
        assert [names for _, names in seen] == [("another's",)]
    process_workspace(workspace_id=committed.id, at=at)
    assert [names for _, names in seen[1:]] == [("second",)]  # the other connection committed its work


def test_a_lead_that_somebody_holds_waits_and_the_others_do_not(committed: Any, at: datetime, seen: Seen) -> None:
    first, second, third = make_leads(committed, at, 3)
    seen.clear()
    with workspace_scope(committed.id):
        send(committed, at, *(page(committed, n, at, f"e{n}") for n in range(3)))
    with held_elsewhere(committed, [second]):
        process_workspace(workspace_id=committed.id, at=at)
        assert seen == [((first, third), ("e0", "e2"))]
        assert fetch_in(committed, "SELECT lead_id FROM lead_inbox") == [{"lead_id": second}]
    process_workspace(workspace_id=committed.id, at=at)
    assert seen[1:] == [((second,), ("e1",))]


def test_two_workers_take_disjoint_leads_at_the_same_time(
    committed: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_ids = make_leads(committed, at, 6)
    with workspace_scope(committed.id):
        send(committed, at, *(page(committed, n, at) for n in range(6)))
    flow.process_arrivals(workspace_id=committed.id, at=at)
    flow.process_arrivals(workspace_id=committed.id, at=at)
    both, taken = threading.Barrier(2, timeout=20), list[list[int]]()

    def meet(batch: Batch) -> None:
        taken.append(batch.lead_ids)
        both.wait()  # neither goes on before the other has leads of its own

    monkeypatch.setattr(flow, "STEPS", {"meet": meet})
    monkeypatch.setattr(flow, "_turns_of", lambda _: flow.Turns(leads=Pace(size=3)))
    in_threads(*(lambda: (process_leads(workspace_id=committed.id, at=at), None)[1] for _ in range(2)))
    assert sorted(taken[0] + taken[1]) == lead_ids


def test_one_leads_many_events_come_in_order_over_several_batches(
    huerta: Any, at: datetime, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_leads(huerta, at, 2)
    seen.clear()
    names = [f"e{n:03}" for n in range(130)]
    for name in names:
        send(huerta, at, page(huerta, 0, at, name))
    turns = flow.Turns(leads=Pace(size=50, most=50))
    monkeypatch.setattr(flow, "_turns_of", lambda _: turns)
    process_workspace(workspace_id=huerta.id, at=at)
    assert [len(events) for _, events in seen] == [50, 50, 30]
    assert [name for _, events in seen for name in events] == names


def test_leads_that_time_changes_are_not_taken_from_another(
    committed: Any, at: datetime, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_ids = make_leads(committed, at, 3)
    seen.clear()
    monkeypatch.setattr(flow, "rescore_due", lambda **_: lead_ids)
    with held_elsewhere(committed, lead_ids[:1]):
        assert process_due_leads(workspace_id=committed.id, at=at) == 2
    assert seen == [(tuple(lead_ids[1:]), ())]


# What fails.


class Poison:
    """A step that cannot take some leads, or some events; what it took went well."""

    def __init__(self, *, leads: set[int] = frozenset(), names: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        self.leads, self.names = set(leads), set(names)
        self.done: list[str] = []
        self.runs: list[int] = []

    def __call__(self, batch: Batch) -> None:
        self.runs.append(len(batch.events))
        if self.leads & set(batch.lead_ids) or self.names & {event.name for event in batch.events}:
            raise KeyError("ana@example.com")
        self.done += [event.name for event in batch.events]


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failing, "WAITS", (timedelta(0), timedelta(0)))


def test_the_culprit_stands_alone_and_all_others_go_on(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_ids = make_leads(huerta, at, 20)
    poison = Poison(leads={lead_ids[13]})
    monkeypatch.setattr(flow, "STEPS", {"fine": lambda _: None, "bad": poison})
    send(huerta, at, *(page(huerta, n, at, f"e{n}") for n in range(20)))
    process_workspace(workspace_id=huerta.id, at=at)
    assert sorted(poison.done) == sorted(f"e{n}" for n in range(20) if n != 13)
    assert len(poison.runs) <= 11
    (failure,) = flow.failures(workspace_id=huerta.id)
    assert (failure.stage, failure.subject_id, failure.step, failure.tries) == ("leads", lead_ids[13], "bad", 1)
    assert failure.error.startswith("KeyError")
    assert "ana@" not in failure.error
    assert failure.next_try_at is not None
    assert failure.next_try_at > datetime.now(UTC)
    assert try_again(workspace_id=huerta.id, at=at) == 0  # not due yet
    send(huerta, at, page(huerta, 13, at, "later"), page(huerta, 12, at, "other"))
    process_workspace(workspace_id=huerta.id, at=at)
    assert poison.done[-1] == "other"  # those of the culprit wait behind it


def test_a_culprit_that_heals_is_taken_in_order_with_what_came_since(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch, no_waiting: None
) -> None:
    lead_ids = make_leads(huerta, at, 2)
    poison = Poison(leads={lead_ids[0]})
    monkeypatch.setattr(flow, "STEPS", {"bad": poison})
    send(huerta, at, page(huerta, 0, at, "first"))
    process_workspace(workspace_id=huerta.id, at=at)
    send(huerta, at, page(huerta, 0, at, "second"))
    process_workspace(workspace_id=huerta.id, at=at)
    assert poison.done == []
    poison.leads.clear()
    assert try_again(workspace_id=huerta.id, at=at) == 1
    assert poison.done == ["first", "second"]
    assert (flow.failures(workspace_id=huerta.id), fetch_all(WAITING)) == ([], [NOTHING])


def test_after_three_tries_it_is_set_aside_and_a_person_can_retry_it(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch, no_waiting: None
) -> None:
    lead_ids = make_leads(huerta, at, 2)
    poison = Poison(names={"bad"})
    monkeypatch.setattr(flow, "STEPS", {"bad": poison})
    send(huerta, at, page(huerta, 0, at, "bad"))
    process_workspace(workspace_id=huerta.id, at=at)
    for tries in (2, 3):
        assert try_again(workspace_id=huerta.id, at=at) == 0
        (failure,) = flow.failures(workspace_id=huerta.id)
        assert (failure.tries, failure.set_aside_at is not None) == (tries, tries == 3)
    assert len(failure.event_ids) == 1
    assert fetch_all(WAITING) == [NOTHING]

    send(huerta, at, page(huerta, 0, at, "good"))  # news of a lead whose other work stands aside
    process_workspace(workspace_id=huerta.id, at=at)
    try_again(workspace_id=huerta.id, at=at)
    assert poison.done == ["good"]
    send(huerta, at, page(huerta, 0, at, "bad"))  # and news that fail as well join it
    process_workspace(workspace_id=huerta.id, at=at)
    try_again(workspace_id=huerta.id, at=at)
    (failure,) = flow.failures(workspace_id=huerta.id)
    assert len(failure.event_ids) == 2

    assert flow.retry_failed(workspace_id=huerta.id, ids=[failure.id], at=at).failed == [failure.id]
    assert flow.failures(workspace_id=huerta.id)[0].event_ids == failure.event_ids
    poison.names.clear()
    assert flow.retry_failed(workspace_id=huerta.id, ids=[failure.id], at=at).done == [failure.id]
    assert poison.done == ["good", "bad", "bad"]
    assert (flow.failures(workspace_id=huerta.id), fetch_all(WAITING)) == ([], [NOTHING])
    assert lead_ids


def test_an_event_that_cannot_arrive_stands_aside_alone_and_counts_once_when_it_does(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch, no_waiting: None
) -> None:
    make_leads(huerta, at, 3)
    poison = Poison(names={"bad"})
    monkeypatch.setattr(flow, "ARRIVALS", {**flow.ARRIVALS, "bad": poison})
    counted = Poison()
    monkeypatch.setattr(flow, "STEPS", {"count": counted})
    names = ["a", "b", "bad", "c"]
    send(huerta, at, *(page(huerta, n % 3, at, name) for n, name in enumerate(names)))
    process_workspace(workspace_id=huerta.id, at=at)
    assert sorted(counted.done) == ["a", "b", "c"]
    for _ in range(2):
        try_again(workspace_id=huerta.id, at=at)
    (failure,) = flow.failures(workspace_id=huerta.id)
    assert (failure.stage, failure.set_aside_at is not None, failure.event_ids) == (
        "arrivals", True, [failure.subject_id],
    )  # fmt: skip
    assert "bad" not in {each.name for each in names_seen(workspace_id=huerta.id)}
    poison.names.clear()
    assert flow.retry_failed(workspace_id=huerta.id, ids=[failure.id], at=at).done == [failure.id]
    process_workspace(workspace_id=huerta.id, at=at)
    assert counted.done[-1] == "bad"
    assert {each.name: each.count for each in names_seen(workspace_id=huerta.id)}["bad"] == 1


def test_discarded_work_is_gone_and_its_events_stay(huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    lead_ids = make_leads(huerta, at, 1)
    monkeypatch.setattr(flow, "STEPS", {"bad": Poison(leads=set(lead_ids))})
    send(huerta, at, page(huerta, 0, at, "bad"))
    process_workspace(workspace_id=huerta.id, at=at)
    (failure,) = flow.failures(workspace_id=huerta.id)
    assert flow.discard_failed(workspace_id=huerta.id, ids=[failure.id, 12345]) == 1
    assert (flow.failures(workspace_id=huerta.id), fetch_all(WAITING)) == ([], [NOTHING])
    assert fetch_all("SELECT count(*) AS n FROM event WHERE name = 'bad'") == [{"n": 1}]


def test_a_lead_that_fails_as_time_passes_does_not_fail_every_second(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch, no_waiting: None
) -> None:
    lead_ids = make_leads(huerta, at, 2)
    poison = Poison(leads={lead_ids[0]})
    monkeypatch.setattr(flow, "STEPS", {"bad": poison})
    monkeypatch.setattr(
        flow, "rescore_due", lambda *, without, **_: [each for each in lead_ids if each not in set(without)]
    )
    assert process_due_leads(workspace_id=huerta.id, at=at) == 1
    runs = len(poison.runs)
    process_due_leads(workspace_id=huerta.id, at=at)
    assert len(poison.runs) == runs + 1  # the other lead alone
    poison.leads.clear()
    assert try_again(workspace_id=huerta.id, at=at) == 1
    assert flow.failures(workspace_id=huerta.id) == []


def test_what_is_broken_for_everybody_ends_its_turn_early_and_loses_nothing(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_ids = make_leads(huerta, at, 60)
    monkeypatch.setattr(flow, "STEPS", {"bad": Poison(leads=set(lead_ids))})
    send(huerta, at, *(page(huerta, n, at) for n in range(60)))
    while flow.process_arrivals(workspace_id=huerta.id, at=at):
        pass
    process_leads(workspace_id=huerta.id, at=at)
    assert len(flow.failures(workspace_id=huerta.id)) == flow.MOST_CULPRITS
    assert fetch_all("SELECT count(event_id) AS n FROM lead_inbox") == [{"n": 60}]


@pytest.mark.parametrize(
    ("cause", "raises"),
    [
        (psycopg.OperationalError("gone"), True),
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.DiskFull(), True),
        (psycopg.errors.DeadlockDetected(), False),
    ],
)
def test_an_absent_database_is_nobodys_fault(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch, cause: Exception, raises: bool
) -> None:
    make_leads(huerta, at, 2)
    send(huerta, at, page(huerta, 0, at), page(huerta, 1, at))

    def away(_: Batch) -> None:
        raise OperationalError("away") from cause

    monkeypatch.setattr(flow, "STEPS", {"away": away})
    if raises:
        with pytest.raises(OperationalError):
            process_workspace(workspace_id=huerta.id, at=at)
    else:
        assert process_workspace(workspace_id=huerta.id, at=at) == 2  # the arrivals
    assert flow.failures(workspace_id=huerta.id) == []
    assert fetch_all(WAITING) == [{"events": 0, "leads": 2}]


def test_an_index_row_that_is_too_big_is_the_events_own_fault(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_leads(huerta, at, 1)
    send(huerta, at, page(huerta, 0, at))

    def too_big(_: Batch) -> None:
        raise OperationalError("index row size") from psycopg.errors.ProgramLimitExceeded()

    monkeypatch.setattr(flow, "STEPS", {"too_big": too_big})
    process_workspace(workspace_id=huerta.id, at=at)
    assert len(flow.failures(workspace_id=huerta.id)) == 1


def test_one_workspaces_trouble_is_not_anothers(
    huerta: Any, other_co: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_leads(huerta, at, 1)
    make_leads(other_co, at, 1)
    with workspace_scope(other_co.id):
        send(other_co, at, page(other_co, 0, at, "theirs"))
    send(huerta, at, page(huerta, 0, at, "ours"))
    counted: list[int] = []

    def fail(batch: Batch) -> None:
        if batch.workspace_id == huerta.id:
            raise OperationalError("away") from psycopg.errors.DiskFull()
        counted.append(batch.workspace_id)

    monkeypatch.setattr(flow, "STEPS", {"fail": fail})
    with pytest.raises(ExceptionGroup):
        process_waiting(at=at)
    assert counted == [other_co.id]
    assert flow.failures(workspace_id=huerta.id) == []


WORKER = """
import sys, time, django
django.setup()
from datetime import UTC, datetime
from cultiva import flow
from cultiva.events.actions import NewEvent
workspace_id, stage = int(sys.argv[1]), sys.argv[2]

def hang(batch):
    own = NewEvent(kind="score", name="half", message_id="half", occurred_at=batch.at, lead_id=batch.events[0].lead_id)
    batch.record([own])
    print("in the middle", flush=True)
    time.sleep(60)

getattr(flow, stage)["hang"] = hang
flow.process_workspace(workspace_id=workspace_id, at=datetime(2026, 3, 10, 12, tzinfo=UTC))
"""


@pytest.mark.parametrize("stage", ["ARRIVALS", "STEPS"])
def test_a_worker_that_is_killed_gives_its_batch_back(committed: Any, at: datetime, seen: Seen, stage: str) -> None:
    """kill -9 in the middle of a transaction, of a worker that is a process of its own."""
    lead_ids = make_leads(committed, at, 3)
    seen.clear()
    with workspace_scope(committed.id):
        send(committed, at, *(page(committed, n, at, f"e{n}") for n in range(3)))
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "cultiva.settings"}
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(committed.id), stage], env=environ, text=True, stdout=subprocess.PIPE
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "in the middle\n"
    assert process_workspace(workspace_id=committed.id, at=at) == 0  # what it holds is not anybody else's
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    deadline = time.monotonic() + 20
    while not seen and time.monotonic() < deadline:
        process_workspace(workspace_id=committed.id, at=at)
    assert seen == [(tuple(lead_ids), ("e0", "e1", "e2"))]
    assert fetch_in(committed, "SELECT 1 FROM event WHERE name = 'half'") == []
    assert fetch_in(committed, WAITING) == [NOTHING]


# How it is doing.


@pytest.fixture
def config() -> Any:
    return read_config({"METRICS_PORT": "off"})


def test_the_doctor_tells_the_lag_and_what_was_set_aside(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch, config: Any
) -> None:
    make_leads(huerta, at, 1)
    now = clock.now()
    send(huerta, now - timedelta(seconds=5), page(huerta, 0, at))
    assert doctor.check_lag(config).is_good
    send(huerta, now - timedelta(minutes=3), page(huerta, 0, at))
    slow = doctor.check_lag(config)
    assert (slow.is_good, slow.seen.startswith("2 new events")) == (False, True)
    assert 180 <= float(slow.seen.split()[-2]) < 190
    assert "CULTIVA_WORKERS" in slow.hint

    assert doctor.check_set_aside(config).is_good
    monkeypatch.setattr(failing, "WAITS", ())
    monkeypatch.setattr(flow, "WAITS", ())
    monkeypatch.setattr(flow, "STEPS", {"bad": Poison(names={"seen"})})
    process_workspace(workspace_id=huerta.id, at=at)
    aside = doctor.check_set_aside(config)
    assert (aside.is_good, aside.seen) == (False, "1 pieces of work set aside, 0 to be tried again")
    assert "cultiva flow failures" in aside.hint


def test_the_doctor_tells_the_time_of_each_step(huerta: Any, at: datetime, config: Any) -> None:
    timings = Timings()
    for _ in range(100):
        timings.note("scoring.score", 0.03)
    for _ in range(10):
        timings.note("scoring.score", 0.4)
    timings.note("leads", 0.2, size=77)
    timings.write()
    seen = doctor.check_steps(config).seen
    assert seen.startswith("last batch: leads 77; p50/p95 in ms: ")
    p50, p95 = (int(each) for each in seen.split("scoring.score ")[1].split(",")[0].split("/"))
    assert 25 <= p50 <= 50
    assert 250 <= p95 <= 500


def test_timings_are_written_about_once_a_second(huerta: Any) -> None:
    timings = Timings()
    timings.note("step", 0.01)
    timings.write()
    timings.note("step", 0.02)
    timings.write()
    assert [t.count for t in timings_by_worker()[timings.worker]] == [1]
    timings._written_at -= 1.1
    timings.write()
    (written,) = timings_by_worker()[timings.worker]
    assert (written.count, round(written.seconds, 3)) == (2, 0.03)


def test_metrics_hold_every_figure_and_nobodys_data(huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    lead_ids = make_leads(huerta, at, 2)
    monkeypatch.setattr(flow, "STEPS", {"bad": Poison(leads=set(lead_ids[:1]))})
    send(huerta, at, page(huerta, 0, at, "ana@example.com"), page(huerta, 1, at))
    process_workspace(workspace_id=huerta.id, at=at)
    send(huerta, at, page(huerta, 1, at), page(huerta, 1, at))
    timings = Timings()
    timings.note("scoring.score", 0.03)
    timings.note("scoring.score", 4)
    timings.note("leads", 0.2, size=77)
    timings.write()
    registry = CollectorRegistry()
    monkeypatch.setattr(connection, "close", lambda: None)  # the test's own
    registry.register(FlowMetrics())
    text = generate_latest(registry).decode()
    assert "@" not in text

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"cultiva_flow_{name}", labels)

    assert value("waiting", workspace="huerta", queue="arrivals") == 2
    assert value("failures", workspace="huerta", state="retried") == 1
    assert value("failures", workspace="huerta", state="set_aside") == 0
    assert (value("oldest_seconds", workspace="huerta") or 0) > 0
    of_step = {"worker": timings.worker, "step": "scoring.score"}
    assert value("step_seconds_count", **of_step) == 2
    assert value("step_seconds_bucket", **of_step, le="0.05") == 1
    assert value("step_seconds_bucket", **of_step, le="+Inf") == 2
    assert round(value("step_seconds_sum", **of_step) or 0, 2) == 4.03
    assert value("batch_size", worker=timings.worker, stage="leads") == 77


def test_a_taken_port_leaves_the_product_without_metrics(caplog: pytest.LogCaptureFixture, db: None) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with caplog.at_level("WARNING", logger="cultiva"):
            assert not serve_metrics(port)
        found = doctor.check_metrics(read_config({"METRICS_PORT": str(port)}))
    assert f"event=metrics.off port={port}" in caplog.text
    assert (found.is_good, found.seen) == (False, f"somebody else has port {port}")
    assert not serve_metrics(None)


def test_as_many_workers_as_set() -> None:
    config = read_config({"CULTIVA_WORKERS": "3", "COLLECTOR_PORT": "8005"})
    assert [child.name for child in Supervisor(config, None).children] == ["web", *["worker"] * 3, "collector"]
