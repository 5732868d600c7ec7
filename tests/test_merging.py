"""What becomes of stages, hand-overs, workflows, mails and scores when two leads are one; and who may do it at once."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from cultiva.accounts.actions import create_user, grant_role
from cultiva.consent.actions import publish_purpose, withdraw
from cultiva.consent.models import ConsentMark
from cultiva.consent.tests.committed import committed_workspace
from cultiva.demo.filling import fill_demo
from cultiva.events.models import Event
from cultiva.flow import process_workspace
from cultiva.insights.home import home_report
from cultiva.leads.actions import lock_leads, save_lead
from cultiva.leads.merging import Merge, MergeRefused, merge_leads, undo_merge
from cultiva.leads.models import Lead, LeadState
from cultiva.lib.database import execute, fetch_all, workspace_scope
from cultiva.lib.holds import recorded
from cultiva.lifecycle.actions import count_by_stage, move_lead, publish_lifecycle, rebuild
from cultiva.lifecycle.models import StageChange
from cultiva.lifecycle.tests.cast import LIFECYCLE, act, make_lead, see_page
from cultiva.magnets.actions import grant_magnet
from cultiva.magnets.models import Grant
from cultiva.mailing.actions import Addressee, publish_template, put_in_outbox
from cultiva.mailing.models import Outbox
from cultiva.nurture.actions import advance_due, publish_workflow
from cultiva.nurture.models import Enrolment
from cultiva.nurture.tests.test_workflows import PURPOSE, TEMPLATE, WELCOME
from cultiva.sales.actions import accept_hand_over
from cultiva.sales.models import HandOver
from cultiva.scoring.actions import publish_model
from cultiva.scoring.models import Score

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MODEL = """
model: readiness
dimensions: {interest: {max: 100}}
rules:
  - {key: pages, dimension: interest, when: {event: page}, points: 10, count: once}
  - {key: downloads, dimension: interest, when: {event: download}, points: 5}
"""


@pytest.fixture
def company(huerta: Any, at: datetime) -> Any:
    return furnish(huerta, at)


def furnish(workspace: Any, at: datetime) -> Any:
    publish_purpose(workspace_id=workspace.id, text=PURPOSE, at=at)
    for key in ("hola", "caso"):
        publish_template(workspace_id=workspace.id, text=TEMPLATE % (key, key), at=at)
    publish_workflow(workspace_id=workspace.id, text=WELCOME, at=at)
    publish_lifecycle(workspace_id=workspace.id, text=LIFECYCLE, at=at)
    return workspace


def flow(workspace: Any, at: datetime) -> None:
    while process_workspace(workspace_id=workspace.id, at=at):
        pass


def join(kept: Lead, merged: Lead, at: datetime) -> Merge:
    return merge_leads(
        workspace_id=kept.workspace_id, kept_id=kept.id, merged_id=merged.id, at=at, by="user:1", force=True
    )


def part(merge: Merge, at: datetime) -> None:
    undo_merge(workspace_id=merge.workspace_id, merge_id=merge.id, at=at, by="user:1")


def rows(workspace: Any) -> dict[str, list[Any]]:
    return {
        table: fetch_all(
            f"SELECT to_jsonb(t) AS row FROM {table} t WHERE workspace_id = %s ORDER BY {holds[0].key}", [workspace.id]
        )
        for table, holds in recorded().items()
    }


def state(lead: Lead) -> LeadState:
    return LeadState.objects.get(lead_id=lead.id)


def download(lead: Lead, at: datetime) -> None:
    act(lead, "download", at, asset="guia")


@pytest.fixture
def eva(company: Any, at: datetime) -> Any:
    user = create_user(email="eva@huerta.example", full_name="Eva", at=at)
    grant_role(workspace_id=company.id, user=user, role="sales", at=at)
    return user


def test_the_kept_lead_stands_where_the_further_of_the_two_stood(company: Any, eva: Any, at: datetime) -> None:
    ana, bea = make_lead(company, "ana", at), make_lead(company, "bea", at)
    move_lead(workspace_id=company.id, lead_id=bea.id, to_stage="customer", by=eva, at=at + HOUR)
    before = rows(company)
    merge = join(ana, bea, at + 2 * HOUR)
    assert (state(ana).stage, state(ana).stage_since) == ("customer", at + 2 * HOUR)
    change = StageChange.objects.get(lead_id=ana.id)
    assert (change.by, change.evidence["merged"]) == ("merge", bea.id)
    assert change.evidence["change"] == StageChange.objects.get(lead_id=bea.id).id
    assert rebuild(company.id) == 0
    counts = {row["key"]: (row["now"], row["reached"]) for row in count_by_stage(company.id)}
    assert (counts["lead"], counts["customer"]) == ((0, 1), (1, 1))
    report = home_report(workspace_id=company.id, time_zone="Europe/Madrid", at=at + 3 * HOUR)
    assert (report.headlines["customers"].now, report.headlines["new_leads"].now) == (1, 1)
    assert report.by_day[-1]["leads"] == 1
    part(merge, at + 3 * HOUR)
    assert rows(company) == before
    assert rebuild(company.id) == 0
    counts = {row["key"]: (row["now"], row["reached"]) for row in count_by_stage(company.id)}
    assert (counts["lead"], counts["customer"]) == ((1, 2), (1, 1))


def test_after_an_undo_guards_lead_on_from_where_the_lead_stood(company: Any, eva: Any, at: datetime) -> None:
    ana, bea = make_lead(company, "ana", at), make_lead(company, "bea", at)
    move_lead(workspace_id=company.id, lead_id=bea.id, to_stage="customer", by=eva, at=at)
    part(join(ana, bea, at + HOUR), at + 2 * HOUR)
    act(ana, "download", at + HOUR / 2)
    flow(company, at + 3 * HOUR)
    assert state(ana).stage == "marketing_qualified"


def test_who_was_put_aside_is_not_brought_back_by_an_empty_record(company: Any, eva: Any, at: datetime) -> None:
    ana, bea = make_lead(company, "ana", at), make_lead(company, "bea", at)
    move_lead(workspace_id=company.id, lead_id=bea.id, to_stage="disqualified", by=eva, at=at, reason="x")
    join(ana, bea, at + HOUR)
    assert state(ana).stage == "disqualified"


def test_an_open_hand_over_goes_on_with_its_clock(company: Any, eva: Any, at: datetime) -> None:
    ana, bea = make_lead(company, "ana", at), make_lead(company, "bea", at)
    download(bea, at)
    see_page(bea, "/precios", at)
    flow(company, at)
    given = HandOver.objects.get(lead=bea)
    join(ana, bea, at + HOUR)
    flow(company, at + HOUR)
    assert (state(ana).stage, state(ana).owner_id) == ("sales_qualified", eva.id)
    now = HandOver.objects.get()
    assert (now.id, now.lead_id, now.due_at, now.is_open) == (given.id, ana.id, given.due_at, True)
    accept_hand_over(workspace_id=company.id, hand_over_id=given.id, by=eva, at=at + 2 * HOUR)
    assert HandOver.objects.get().accepted_at == at + 2 * HOUR


def test_a_hand_over_that_came_along_lapses_when_the_lead_moves_on(company: Any, eva: Any, at: datetime) -> None:
    ana, bea = make_lead(company, "ana", at), make_lead(company, "bea", at)
    download(bea, at)
    see_page(bea, "/precios", at)
    flow(company, at)
    join(ana, bea, at + HOUR)
    act(ana, "purchase", at + 2 * HOUR)
    flow(company, at + 2 * HOUR)
    assert state(ana).stage == "customer"
    assert HandOver.objects.get().lapsed_at == at + 2 * HOUR


def test_of_two_trips_through_one_workflow_the_further_goes_on(company: Any, at: datetime) -> None:
    ana, bea = make_lead(company, "ana", at), make_lead(company, "bea", at)
    download(bea, at)
    flow(company, at)
    download(ana, at + 2 * DAY)
    flow(company, at + 2 * DAY)
    assert advance_due(workspace_id=company.id, at=at + 3 * DAY) == 1  # bea has been sent both mails
    before = rows(company)
    merge = join(ana, bea, at + 3 * DAY)
    trips = Enrolment.objects.filter(lead=ana).order_by("ordinal")
    assert [(trip.ordinal, trip.exit_reason) for trip in trips] == [(1, "merged"), (2, "")]
    assert Outbox.objects.filter(lead=ana).count() == 3
    flow(company, at + 3 * DAY)
    advance_due(workspace_id=company.id, at=at + 9 * DAY)
    left = Outbox.objects.filter(lead=ana).exclude(state="cancelled")
    assert sorted(left.values_list("template__key", flat=True)) == ["caso", "hola"]
    download(ana, at + 10 * DAY)
    flow(company, at + 10 * DAY)  # re-entry after thirty days: not yet
    assert Enrolment.objects.count() == 2
    assert before != rows(company)
    part(merge, at + 11 * DAY)
    assert {trip.lead_id: (trip.ordinal, trip.exit_reason) for trip in Enrolment.objects.all()} == {
        ana.id: (1, ""), bea.id: (1, "finished"),
    }  # fmt: skip


def test_a_mail_that_waits_obeys_the_kept_leads_consent(company: Any, at: datetime) -> None:
    ana, bea = make_lead(company, "ana", at), make_lead(company, "bea", at)
    put_in_outbox(
        workspace_id=company.id, cause_kind="workflow", template="hola", at=at,
        addressees=[Addressee("1", bea.id)],
    )  # fmt: skip
    withdraw(workspace_id=company.id, lead_id=ana.id, purpose="marketing", channel="email", at=at)
    merge = join(ana, bea, at + HOUR)
    assert Outbox.objects.get().lead_id == ana.id
    part(merge, at + 2 * HOUR)
    assert Outbox.objects.get().lead_id == bea.id


def test_what_one_was_sent_the_other_does_not_get_again(company: Any, at: datetime) -> None:
    ana, bea = make_lead(company, "ana", at), make_lead(company, "bea", at)
    for number, lead in enumerate((ana, bea)):
        put_in_outbox(
            workspace_id=company.id, cause_kind="workflow", template="hola", at=at,
            addressees=[Addressee(str(number), lead.id)],
        )  # fmt: skip
    Outbox.objects.filter(lead=bea).update(state="accepted", accepted_at=at)
    merge = join(ana, bea, at + HOUR)
    assert sorted(Outbox.objects.filter(lead=ana).values_list("state", "reason")) == [
        ("accepted", ""), ("cancelled", "merged"),
    ]  # fmt: skip
    part(merge, at + 2 * HOUR)
    assert list(Outbox.objects.order_by("lead_id").values_list("state", flat=True)) == ["ready", "accepted"]


def test_a_magnet_is_got_once_since_it_was_first_got(company: Any, at: datetime) -> None:
    ana, bea = make_lead(company, "ana", at), make_lead(company, "bea", at)
    for lead, magnet, when in ((ana, "guia", at + HOUR), (bea, "guia", at), (bea, "caso", at)):
        grant_magnet(workspace_id=company.id, lead_id=lead.id, magnet=magnet, at=when)
    before = rows(company)
    merge = join(ana, bea, at + 2 * HOUR)
    assert dict(Grant.objects.filter(lead=ana).values_list("magnet", "granted_at")) == {"guia": at, "caso": at}
    part(merge, at + 3 * HOUR)
    assert rows(company) == before


def test_points_are_computed_over_both_histories_and_never_added_up(company: Any, at: datetime) -> None:
    publish_model(workspace_id=company.id, text=MODEL, at=at)
    ana, bea = make_lead(company, "ana", at), make_lead(company, "bea", at)
    ConsentMark.objects.update(profiled_since=at)
    for lead in (ana, bea):
        see_page(lead, "/", at)
        download(lead, at)
    flow(company, at)
    assert (state(ana).score, state(bea).score) == (15, 15)
    merge = join(ana, bea, at + HOUR)
    flow(company, at + HOUR)
    assert state(ana).score == 20  # a page visited once, two downloads
    assert set(Score.objects.values_list("lead_id", flat=True)) == {ana.id}
    part(merge, at + 2 * HOUR)
    flow(company, at + 2 * HOUR)
    assert (state(ana).score, state(bea).score) == (15, 15)


def test_what_the_merged_lead_did_before_flow_saw_it_counts_for_the_kept_lead(company: Any, at: datetime) -> None:
    ana, bea = make_lead(company, "ana", at), make_lead(company, "bea", at)
    download(bea, at)
    join(ana, bea, at)
    flow(company, at)
    assert Enrolment.objects.get().lead_id == ana.id
    assert state(ana).stage == "marketing_qualified"
    assert Event.objects.get(name="download").lead_id == bea.id


def test_pairs_of_a_whole_company_are_merged_and_parted_without_a_trace(db: None, at: datetime) -> None:
    workspace = fill_demo(at=at, leads=150, progress=lambda _: None).workspace
    with workspace_scope(workspace.id):
        ids = list(Lead.objects.filter(workspace_id=workspace.id).order_by("id").values_list("id", flat=True))
        random.Random(3).shuffle(ids)
        before, merges = rows(workspace), []
        for kept, merged in [*zip(ids[:40], ids[40:80], strict=True), *zip(ids[80:90], ids[:10], strict=True)]:
            merges.append(
                merge_leads(workspace_id=workspace.id, kept_id=kept, merged_id=merged, at=at, by="user:1", force=True)
            )
        assert LeadState.objects.filter(workspace_id=workspace.id).count() == len(ids) - 50
        assert rebuild(workspace.id) == 0
        for merge in reversed(merges):
            part(merge, at + HOUR)
        after = rows(workspace)
        for table in before:
            assert after[table] == before[table], table
        assert rebuild(workspace.id) == 0


@pytest.fixture
def pair(django_db_setup: None, django_db_blocker: Any, at: datetime) -> Iterator[tuple[Any, Lead, Lead]]:
    """Two leads that other connections see."""
    with django_db_blocker.unblock(), committed_workspace(at) as workspace:
        with workspace_scope(workspace.id):
            leads = make_lead(workspace, "ana", at), make_lead(workspace, "bea", at)
            execute("DELETE FROM event_inbox WHERE workspace_id = %s", [workspace.id])
        yield workspace, *leads
        connection.close()


@contextmanager
def at_once(*works: Callable[[], Any]) -> Iterator[list[Any]]:
    """Runs each in a thread with a connection of its own; what it gave or raised, in order."""
    outcomes: list[Any] = [None] * len(works)

    def run(place: int, work: Callable[[], Any]) -> None:
        try:
            outcomes[place] = work()
        except Exception as error:
            outcomes[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    yield outcomes
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_of_two_merges_at_once_one_happens(pair: tuple[Any, Lead, Lead], at: datetime) -> None:
    workspace, ana, bea = pair
    with at_once(lambda: join(ana, bea, at), lambda: join(bea, ana, at)) as outcomes:
        pass
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Merge", "MergeRefused"]
    refused = next(outcome for outcome in outcomes if isinstance(outcome, MergeRefused))
    assert refused.reasons == ["already_merged"]
    with workspace_scope(workspace.id):
        assert LeadState.objects.filter(workspace_id=workspace.id).count() == 1


def test_a_merge_waits_for_flow(pair: tuple[Any, Lead, Lead], at: datetime) -> None:
    workspace, ana, bea = pair
    is_locked, is_let_go = threading.Event(), threading.Event()
    with at_once(lambda: _hold_then(workspace, bea, is_locked, is_let_go)) as held:
        assert is_locked.wait(20)
        join(ana, bea, at)
        assert is_let_go.is_set()
    assert held == [[bea.id]]
    with workspace_scope(workspace.id):
        assert lock_leads(workspace_id=workspace.id, lead_ids=[ana.id, bea.id]) == [ana.id]


def _hold_then(workspace: Any, lead: Lead, is_locked: threading.Event, is_let_go: threading.Event) -> list[int]:
    with workspace_scope(workspace.id):
        locked = lock_leads(workspace_id=workspace.id, lead_ids=[lead.id])
        is_locked.set()
        time.sleep(1)
        is_let_go.set()
    return locked


def test_a_form_sent_while_the_address_is_merged_finds_the_kept_lead(
    pair: tuple[Any, Lead, Lead], at: datetime
) -> None:
    workspace, ana, bea = pair
    with at_once(lambda: _merge_slowly(workspace, ana, bea, at), lambda: _submit_late(workspace, at)) as outcomes:
        pass
    assert outcomes[1] == ana.id


def _merge_slowly(workspace: Any, ana: Lead, bea: Lead, at: datetime) -> None:
    with workspace_scope(workspace.id):
        join(ana, bea, at)
        time.sleep(1)


def _submit_late(workspace: Any, at: datetime) -> int:
    time.sleep(0.4)  # the merge is done and not committed
    return _submit(workspace, at)


def _submit(workspace: Any, at: datetime) -> int:
    with workspace_scope(workspace.id):
        lead, _ = save_lead(
            workspace_id=workspace.id, email="bea@example.com", attributes={}, language="es", source_kind="form", at=at
        )
        return lead.id


def test_forms_merges_and_undos_side_by_side_end_and_agree(pair: tuple[Any, Lead, Lead], at: datetime) -> None:
    workspace, ana, bea = pair

    def merge_and_part() -> int:
        for _ in range(8):
            part(join(ana, bea, at), at)
        return 1

    def submit() -> set[int]:
        return {_submit(workspace, at) for _ in range(25)}

    with at_once(merge_and_part, submit, submit) as outcomes:
        pass
    assert outcomes[0] == 1
    assert outcomes[1] | outcomes[2] <= {ana.id, bea.id}
    with workspace_scope(workspace.id):
        assert Lead.objects.filter(workspace_id=workspace.id).count() == 2
        assert LeadState.objects.filter(workspace_id=workspace.id).count() == 2
