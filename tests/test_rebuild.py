"""The ledger is the truth: what is computed from it, computed anew, is what it was."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cultiva.consent.actions import publish_policy, publish_purpose
from cultiva.consent.tests.documents import MARKETING, POLICY
from cultiva.criteria.tests.cast import Undone, against_the_database, make_months
from cultiva.demo.filling import DemoResult, fill_demo
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.models import EventSource
from cultiva.flow import process_due_leads, process_workspace
from cultiva.leads.models import Lead
from cultiva.leads.tests import people
from cultiva.lib.database import execute, fetch_all, workspace_scope
from cultiva.rebuild import rebuild
from cultiva.scoring.actions import publish_model
from cultiva.segments.actions import save_segment
from tests.test_segments_live import MODEL, SEGMENTS, START, World, run, steps

END = datetime(2026, 3, 10, 16, 20, 7, tzinfo=UTC)
# {table: the columns that another run of the same history would number otherwise}
PROJECTIONS: dict[str, tuple[str, ...]] = {
    "lead": (), "lead_state": (), "visitor_link": ("id",), "visitor_claim": ("id",), "lead_address": ("id",),
    "identity_conflict": ("id",), "attribute_misfit": ("id", "seen_at"), "conversion": ("id",), "lead_value": (),
    "score": ("id",), "event_name": ("id",), "event_day": ("id",), "event_property": ("id",), "machine_event": ("id",),
    "company": (),
}  # fmt: skip


@pytest.fixture
def riega(db: None) -> Iterator[DemoResult]:
    result = fill_demo(at=END, seed=7, leads=60, progress=lambda _: None)
    with workspace_scope(result.workspace.id):
        yield result


def projections(workspace_id: int) -> dict[str, list[Any]]:
    found = {}
    for table, numbers in PROJECTIONS.items():
        rows = fetch_all(f"SELECT to_jsonb(t) - %s::text[] AS row FROM {table} t", [list(numbers)])
        found[table] = sorted((row["row"] for row in rows), key=repr)
    return found


def act_more(result: DemoResult, at: datetime) -> None:
    """Two devices of one person, an alias, two people on one browser, a company, orders and a value that misfits."""
    workspace = result.workspace
    ana, bea = Lead.objects.filter(workspace=workspace, merged_into=None).exclude(email="").order_by("id")[:2]
    source = EventSource.objects.get(workspace=workspace, key="erp").id
    order = {"order_id": "1", "revenue": 99.5, "currency": "EUR"}
    events: list[NewEvent] = [
        people.act(workspace, at, browser="laptop", source=source),
        people.identify(workspace, at, browser="laptop", email=ana.email, source=source),
        people.act(workspace, at, browser="phone", source=source),
        people.identify(workspace, at, browser="phone", user="u-1", email=ana.email, source=source,
                        traits={"hectares": "many", "job_title": "Jefa"}),
        people.alias(workspace, at, previous="tablet", user="u-1", source=source),
        people.identify(workspace, at, browser="laptop", email=bea.email, source=source),
        people.group(workspace, at, of="huertos", user="u-1", source=source, traits={"name": "Huertos, S.L."}),
        people.act(workspace, at, "track", user="u-1", name="Order Completed", source=source, traits=order),
        people.act(workspace, at, "track", user="u-1", name="Order Refunded", source=source,
                   traits=order | {"revenue": 9.5, "total": 9.5, "refund_id": "r"}),
    ]  # fmt: skip
    record_events(workspace_id=workspace.id, events=events, received_at=at)


def settle(result: DemoResult | World, at: datetime) -> None:
    """Score everybody as of `at`: what age alone changed since is no difference."""
    execute("UPDATE score SET next_change_at = %s", [at])
    process_workspace(workspace_id=result.workspace.id, at=at)
    while process_due_leads(workspace_id=result.workspace.id, at=at):
        pass
    process_workspace(workspace_id=result.workspace.id, at=at)  # counts what was told meanwhile


def test_projections_made_anew_are_what_they_were(riega: DemoResult) -> None:
    at = END + timedelta(minutes=5)
    act_more(riega, at)
    process_workspace(workspace_id=riega.workspace.id, at=at)
    settle(riega, at)
    live = projections(riega.workspace.id)
    assert all(live[table] for table in ("lead_value", "identity_conflict", "attribute_misfit", "company", "score"))
    assert_made_anew(riega, at, live)
    for loss in LOSSES:
        execute(loss)
    assert_made_anew(riega, at, live)


LOSSES = (
    "UPDATE lead SET attributes = attributes - 'first_name' || '{\"made\": \"up\"}', search_text = ''"
    " WHERE id IN (SELECT lead_id FROM lead_state)",  # who was merged, or went with an import, is kept as they were
    "UPDATE lead_state SET stage = 'customer', last_seen_at = NULL",
    "DELETE FROM conversion", "DELETE FROM lead_value", "DELETE FROM event_day", "DELETE FROM attribute_misfit",
    "DELETE FROM visitor_claim", "DELETE FROM lead_address",
)  # fmt: skip


def assert_made_anew(riega: DemoResult | World, at: datetime, live: dict[str, list[Any]]) -> None:
    rebuild(workspace_id=riega.workspace.id, at=at, progress=lambda _: None)
    settle(riega, at)
    anew = projections(riega.workspace.id)
    for table in PROJECTIONS:
        assert anew[table] == live[table], table


histories = given(history=st.lists(steps, min_size=3, max_size=25))


@settings(against_the_database, max_examples=8)
@histories
def test_any_history_of_events_imports_and_merges_is_made_anew(huerta: Any, history: list[Any]) -> None:
    live_and_make_anew(huerta, history)


@pytest.mark.slow
@settings(against_the_database, max_examples=200)
@histories
def test_many_more_histories_are_made_anew(huerta: Any, history: list[Any]) -> None:
    live_and_make_anew(huerta, history)


def test_an_address_heard_of_while_two_were_one_is_its_own_leads_again(huerta: Any) -> None:
    make_months(huerta, START)
    world = World(huerta, START)
    for email in ("ana@a.example", "bea@b.example"):
        world.save(email, {})
    bea = world.lead_of("bea@b.example")
    world.merge("ana@a.example", "bea@b.example")
    world.settle()  # only now is it known whose the addresses are
    world.undo()
    world.identify("phone", "bea@b.example", {})
    world.settle()
    assert bea
    assert people.lead_of(huerta, browser="phone") == bea.id
    assert_made_anew(world, world.at, projections(huerta.id))


@pytest.mark.parametrize("is_known", [False, True])
def test_nobody_becomes_a_lead_that_went_with_an_import(huerta: Any, is_known: bool) -> None:
    make_months(huerta, START)
    world = World(huerta, START)
    world.bring_in("none", [{"email": "eva@c.example", "user": "u-1"}])
    if is_known:
        world.settle()
    world.take_back()
    world.identify("phone", "eva@c.example", {})
    world.settle()
    assert people.lead_of(huerta, browser="phone") is None
    assert people.lead_of(huerta, user="u-1") is None
    assert_made_anew(world, world.at, projections(huerta.id))


def live_and_make_anew(huerta: Any, history: list[Any]) -> None:
    make_months(huerta, *(START + timedelta(days=30 * n) for n in range(-1, 40)))
    with Undone():
        world = World(huerta, START)
        people.known_attributes(huerta, START, country="text", hectares="number", born="date")
        publish_policy(workspace_id=huerta.id, text=POLICY, at=START)
        publish_purpose(workspace_id=huerta.id, text=MARKETING, at=START)
        publish_model(workspace_id=huerta.id, text=MODEL, at=START)
        for key in ("spanish", "ever", "vips", "scored"):
            save_segment(workspace_id=huerta.id, name=key, criteria=SEGMENTS[key], takes_only_valid=False, by="user:1",
                         at=START)  # fmt: skip
        run(world, history)
        world.settle()
        settle(world, world.at)
        assert_made_anew(world, world.at, projections(huerta.id))
        live = projections(huerta.id)
        for loss in LOSSES:
            execute(loss)
        assert_made_anew(world, world.at, live)
