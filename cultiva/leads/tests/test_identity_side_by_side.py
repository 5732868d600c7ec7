"""Who is who when several write and work at once: the same as one after another."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import Error, connection

from cultiva.accounts.actions import create_workspace
from cultiva.events.actions import NewEvent, claim_new_events, record_events
from cultiva.events.batch import Batch
from cultiva.events.failures import is_passing
from cultiva.events.inbox import claim_arrivals
from cultiva.leads.actions import project, resolve
from cultiva.leads.inbox import hold_leads, put_in_inbox, take_waiting, waiting_leads
from cultiva.leads.models import Lead, LeadAddress, VisitorLink
from cultiva.leads.tests import people
from cultiva.leads.tests.reference import Telling, people_of
from cultiva.lib.database import execute, fetch_all, workspace_scope

Work = Callable[[], None]


@pytest.fixture
def workspaces(django_db_blocker: Any, django_db_setup: None, at: datetime) -> Iterator[Callable[[], Any]]:
    """Makes workspaces whose rows are committed, for several connections; they are emptied of work at the end."""
    made: list[Any] = []

    def make() -> Any:
        made.append(create_workspace(slug=f"side-{uuid4().hex[:12]}", name="Side by side", at=at))
        return made[-1]

    with django_db_blocker.unblock():
        yield make
        for workspace in made:
            with workspace_scope(workspace.id):
                for table in ("event_inbox", "lead_inbox"):
                    execute(f"DELETE FROM {table}")
        connection.close()


class InThread:
    """Work on a connection of its own; `end` raises what it raised."""

    def __init__(self, work: Work) -> None:
        self.error: BaseException | None = None
        self.pid: int | None = None
        self.thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self.thread.start()

    def _run(self, work: Work) -> None:
        try:
            self.pid = fetch_all("SELECT pg_backend_pid() AS pid")[0]["pid"]
            work()
        except BaseException as error:
            self.error = error
        finally:
            connection.close()

    def is_over_or_waits(self) -> bool:
        """Its work is done, or it waits for a lock of another transaction."""
        sql = "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted"
        return not self.thread.is_alive() or (self.pid is not None and bool(fetch_all(sql, [self.pid])))

    def end(self) -> None:
        self.thread.join(60)
        assert not self.thread.is_alive(), "it waits for ever"
        if self.error:
            raise self.error


def write(workspace: Any, at: datetime, telling: Telling) -> None:
    """One telling as a site or a form writes it, in a transaction of its own."""
    with workspace_scope(workspace.id):
        if telling.kind == "lead":
            people.lead(workspace, at, telling.address, external_id=telling.user)
        else:
            record_events(workspace_id=workspace.id, events=[event_of(workspace, at, telling)], received_at=at)


def event_of(workspace: Any, at: datetime, telling: Telling) -> NewEvent:
    if telling.kind == "alias":
        return people.alias(workspace, at, previous=telling.previous, user=telling.user)
    trust: Any = {"is_secret": True, "makes_leads": True} if telling.makes_leads else {}
    return people.identify(workspace, at, user=telling.user, browser=telling.browser, email=telling.address, **trust)


def take_new(workspace: Any, at: datetime) -> None:
    """Arrivals of every shard: others may hold theirs."""
    batch = Batch(workspace.id, at, claim_new_events(workspace_id=workspace.id, limit=100))
    resolve(batch)
    put_in_inbox(batch)


def arrive(workspace: Any, at: datetime, limit: int = 10) -> int:
    """One batch of arrivals, as a worker takes it; how many events it had."""
    with workspace_scope(workspace.id):
        events, _passed_on = claim_arrivals(workspace_id=workspace.id, limit=limit)
        if events:
            batch = Batch(workspace.id, at, events)
            resolve(batch)
            put_in_inbox(batch)
    return len(events)


def project_waiting(workspace: Any, at: datetime, limit: int = 10) -> int:
    """One batch of leads, as a worker takes it; how many it had."""
    with workspace_scope(workspace.id):
        found = waiting_leads(workspace_id=workspace.id, after=0, limit=limit)
        held = hold_leads(workspace_id=workspace.id, lead_ids=found)
        lead_ids, events = take_waiting(workspace_id=workspace.id, lead_ids=held, limit=limit)
        if lead_ids:
            project(Batch(workspace.id, at, list(events), lead_ids))
    return len(lead_ids)


def is_empty(workspace: Any) -> bool:
    with workspace_scope(workspace.id):
        sql = "SELECT NOT EXISTS (SELECT FROM event_inbox) AND NOT EXISTS (SELECT FROM lead_inbox) AS is_empty"
        return bool(fetch_all(sql)[0]["is_empty"])


def found_in(workspace: Any, persons: Sequence["Person"]) -> dict[str, str]:
    """{visitor: address of their lead}"""
    names = {people.visitor(workspace, user=u): f"u:{u}" for person in persons for u in person.users}
    names |= {
        people.visitor(workspace, browser=b): f"b:{b}" for person in persons for b in (*person.browsers, *person.users)
    }
    with workspace_scope(workspace.id):
        links = VisitorLink.objects.filter(workspace_id=workspace.id).select_related("lead")
        return {names[link.visitor]: str(link.lead.email_key) for link in links}


# Two at once, in the one order in which each would miss the other.

CLAIM, LEAD = Telling("identify", browser="b1", address="ana@example.com"), Telling("lead", address="ana@example.com")
TO_USER = Telling("identify", user="7", browser="b1")
MAKES = Telling("identify", user="8", address=LEAD.address, makes_leads=True)


@pytest.mark.parametrize(
    ("before", "first", "second"),
    [
        ([], CLAIM, LEAD),
        ([], LEAD, CLAIM),
        ([], CLAIM, MAKES),
        ([], MAKES, CLAIM),
        ([LEAD], TO_USER, CLAIM),
        ([LEAD], CLAIM, TO_USER),
        ([], MAKES, LEAD),
    ],
)
def test_two_who_come_at_once_see_each_other(
    workspaces: Any, at: datetime, before: list[Telling], first: Telling, second: Telling
) -> None:
    workspace = workspaces()
    for telling in before:
        write(workspace, at, telling)
    arrive(workspace, at)
    is_done, may_commit = threading.Event(), threading.Event()
    write(workspace, at, first)

    def hold_first() -> None:
        with workspace_scope(workspace.id):
            take_new(workspace, at)
            is_done.set()
            assert may_commit.wait(60)

    one = InThread(hold_first)
    assert is_done.wait(60)

    def take_second() -> None:
        write(workspace, at, second)
        with workspace_scope(workspace.id):
            take_new(workspace, at)

    other = InThread(take_second)
    while not other.is_over_or_waits():
        time.sleep(0.01)
    may_commit.set()
    one.end()
    other.end()
    tellings = [*before, first, second]
    visitors = {f"u:{t.user}" for t in tellings if t.user} | {f"b:{t.browser}" for t in tellings if t.browser}
    person = Person(LEAD.address, users=["7", "8"], browsers=["b1"])
    assert found_in(workspace, [person]) == dict.fromkeys(visitors, LEAD.address)
    with workspace_scope(workspace.id):
        assert Lead.objects.filter(workspace_id=workspace.id).count() == 1


# Many at once.


class Person:
    """One person: their address, and everything they are on the way to it."""

    def __init__(self, address: str, users: list[str], browsers: list[str]) -> None:
        self.address, self.users, self.browsers = address, users, browsers

    @classmethod
    def number(cls, n: int) -> "Person":
        return cls(f"p{n}@example.com", [f"{n}-old", f"{n}-new"], [f"{n}-{device}" for device in ("a", "b", "c")])

    def tellings(self, chance: random.Random) -> list[Telling]:
        """In any order they say the same; some of them are said twice."""
        old, new = self.users
        phone, laptop, tablet = self.browsers
        said = [
            Telling("identify", browser=phone, address=self.address),
            Telling("identify", user=new, browser=laptop),
            Telling("identify", user=new, address=self.address, makes_leads=chance.random() < 0.3),
            Telling("identify", browser=tablet, address=self.address),
            Telling("alias", previous=old, user=new),
            Telling("lead", address=self.address),
            Telling("lead", address=self.address),
        ]
        return said + chance.sample(said[:5], 2)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_writers_and_workers_end_in_the_same_who_is_who_as_one_after_another(
    workspaces: Any, at: datetime, seed: int
) -> None:
    chance = random.Random(seed)
    persons = [Person.number(n) for n in range(40)]
    tellings = [telling for person in persons for telling in person.tellings(chance)]
    chance.shuffle(tellings)
    expected, refused = people_of(tellings)
    assert refused == []
    visitors = {f"u:{u}" for p in persons for u in p.users} | {f"b:{b}" for p in persons for b in p.browsers}
    assert visitors <= expected.keys()  # nobody without a lead

    alone, together = workspaces(), workspaces()
    for telling in tellings:
        write(alone, at, telling)
    while arrive(alone, at) + project_waiting(alone, at):
        pass
    assert found_in(alone, persons) == expected

    side_by_side(together, at, tellings, chance)
    assert is_empty(together)
    assert found_in(together, persons) == found_in(alone, persons)
    for workspace in (alone, together):
        with workspace_scope(workspace.id):
            assert people.conflicts(workspace) == []
            leads = Lead.objects.filter(workspace_id=workspace.id)
            assert Counter(leads.values_list("email_key", flat=True)) == Counter(p.address for p in persons)
            known = LeadAddress.objects.filter(workspace_id=workspace.id).select_related("lead")
            assert {each.email_key for each in known} == {person.address for person in persons}
            assert all(each.lead.email_key == each.email_key for each in known)
            assert claims_of(workspace) >= len(visitors)


def claims_of(workspace: Any) -> int:
    sql = "SELECT count(*) AS n FROM visitor_claim WHERE workspace_id = %s"
    return int(fetch_all(sql, [workspace.id])[0]["n"])


def side_by_side(workspace: Any, at: datetime, tellings: list[Telling], chance: random.Random) -> None:
    """Three writers and three workers at once. Who meets another (a deadlock, say) tries again, as in the product."""
    written = threading.Event()
    writers, workers = 3, 3

    def patiently(work: Callable[[], int]) -> int:
        try:
            return work()
        except Error as error:
            if not is_passing(error):
                raise
            return 1

    def writer(number: int) -> Work:
        pauses = random.Random(number)

        def run() -> None:
            for telling in tellings[number::writers]:
                write(workspace, at, telling)
                time.sleep(pauses.choice((0, 0, 0.001, 0.01)))

        return run

    def worker(number: int) -> Work:
        sizes = random.Random(number)

        def run() -> None:
            is_last = False
            while not is_last:
                is_last = written.is_set()
                taken = patiently(lambda: arrive(workspace, at, limit=sizes.randint(1, 12)))
                taken += patiently(lambda: project_waiting(workspace, at, limit=sizes.randint(1, 12)))
                is_last = is_last and not taken and is_empty(workspace)

        return run

    at_work = [InThread(worker(number)) for number in range(workers)]
    writing = [InThread(writer(number)) for number in range(writers)]
    for each in writing:
        each.end()
    written.set()
    for each in at_work:
        each.end()
