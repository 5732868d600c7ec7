import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from cultiva.accounts.actions import find_workspace
from cultiva.accounts.models import Membership
from cultiva.consent.verifying import verify_chain
from cultiva.demo.filling import DEMO_FOLDER, DemoResult, fill_demo
from cultiva.demo.history import DAYS, RECENT, imagine
from cultiva.demo.live import is_live
from cultiva.demo.past import Sources, set_stage, write_past
from cultiva.documents.applying import apply_folder
from cultiva.events.actions import record_events
from cultiva.leads.models import Lead, LeadState
from cultiva.lib.database import fetch_all, workspace_scope
from cultiva.lifecycle.actions import rebuild
from cultiva.lifecycle.models import StageChange
from cultiva.nurture.models import Enrolment
from cultiva.sales.models import HandOver
from cultiva.scoring.actions import primary_model
from cultiva.scoring.compile import compile_model
from cultiva.scoring.model import ScoringModel

END = datetime(2026, 3, 10, 16, 20, 7, tzinfo=UTC)  # a Tuesday
LEADS = 80


@pytest.fixture(scope="module")
def riega(django_db_setup: None, django_db_blocker: Any) -> Iterator[DemoResult]:
    """The demo, small, for all tests of this file; gone after them."""
    with django_db_blocker.unblock(), transaction.atomic():
        began = time.perf_counter()
        result = fill_demo(at=END, seed=7, leads=LEADS, progress=lambda _: None)
        print(f"{LEADS} leads in {time.perf_counter() - began:.1f} s")
        with workspace_scope(result.workspace.id):
            yield result
        transaction.set_rollback(True)


def rows(result: DemoResult, sql: str) -> list[dict[str, Any]]:
    return fetch_all(sql, {"workspace": result.workspace.id})


def test_the_same_seed_imagines_the_same_history() -> None:
    assert imagine(at=END, seed=7, leads=LEADS) == imagine(at=END, seed=7, leads=LEADS)
    assert imagine(at=END, seed=7, leads=LEADS) != imagine(at=END, seed=8, leads=LEADS)


def test_a_history_moves_with_its_end() -> None:
    day = timedelta(days=1)
    now, then = (imagine(at=at, seed=7, leads=LEADS) for at in (END, END - 30 * day))
    assert max(each.born for each in now.newcomers) > END - timedelta(minutes=5)
    assert max(each.born for each in then.newcomers) > END - 30 * day - timedelta(minutes=5)


def test_filling_again_elsewhere_gives_the_same_data(riega: DemoResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cultiva.demo.filling.SLUG", "riega-otra-vez")
    again = fill_demo(at=END, seed=7, leads=LEADS, progress=lambda _: None)
    assert again.counts == riega.counts
    with workspace_scope(again.workspace.id):
        told = fingerprint(again)
    assert told == fingerprint(riega)


def fingerprint(result: DemoResult) -> tuple[list[Any], list[Any]]:
    """What happened to whom and where they stand, without ids and without what is drawn by lot for safety."""
    events = rows(result, """
        SELECT l.email, e.kind, e.name, e.occurred_at, e.actor, e.properties ->> 'path' AS path,
               e.properties ->> 'to' AS moved_to, e.properties ->> 'value' AS value
          FROM lead_event e JOIN lead l ON l.id = e.lead_id WHERE e.workspace_id = %(workspace)s
         ORDER BY 1, 4, 2, 3, 6, 7""")  # fmt: skip
    states = rows(result, """
        SELECT l.email, l.attributes, l.created_at, s.stage, s.stage_since, s.temperature, s.grade, s.score
          FROM lead l JOIN lead_state s ON s.lead_id = l.id
         WHERE l.workspace_id = %(workspace)s ORDER BY 1""")  # fmt: skip
    return events, states


def test_nothing_lies_after_the_end_and_the_last_minutes_are_not_empty(riega: DemoResult) -> None:
    (bounds,) = rows(riega, """
        SELECT max(occurred_at) AS newest, max(received_at) AS received, min(occurred_at) AS oldest
          FROM event WHERE workspace_id = %(workspace)s""")  # fmt: skip
    assert END - timedelta(minutes=3) < bounds["newest"] <= END
    assert bounds["received"] <= END
    assert timedelta(days=DAYS - 40) < END - bounds["oldest"] < timedelta(days=DAYS + 20)
    for table, column in (("stage_change", "at"), ("hand_over", "created_at"), ("lead", "created_at"), ("score", "at")):
        sql = f"SELECT max({column}) AS newest FROM {table} WHERE workspace_id = %(workspace)s"
        assert rows(riega, sql)[0]["newest"] <= END


def test_it_holds_every_sort_of_thing(riega: DemoResult) -> None:
    found = rows(riega, "SELECT name, count(*) FROM event WHERE workspace_id = %(workspace)s GROUP BY name")
    counts = {row["name"]: row["count"] for row in found}
    names = "page form_submitted magnet_granted download email_sent email_clicked social purchase policy_accepted given"
    names += " confirmed workflow_entered workflow_finished temperature_changed stage_changed identify"
    assert [name for name in names.split() if not counts.get(name)] == []
    assert riega.counts["leads"] == LEADS
    assert LEADS * 10 < riega.counts["events"] < LEADS * 25
    assert 0.02 < counts["purchase"] / LEADS < 0.14


def test_running_again_changes_nothing_and_says_so(riega: DemoResult) -> None:
    said: list[str] = []
    again = fill_demo(at=END + timedelta(days=1), progress=said.append)
    assert not again.is_new
    assert again.owner == riega.owner
    assert again.workspace == find_workspace("riega")
    assert "nothing was changed" in said[0]


def test_every_chain_of_consent_holds(riega: DemoResult) -> None:
    leads = rows(riega, "SELECT lead_id, count(*) FROM consent_evidence WHERE workspace_id = %(workspace)s GROUP BY 1")
    assert len(leads) > LEADS * 0.9
    for lead in leads:
        report = verify_chain(workspace_id=riega.workspace.id, lead_id=lead["lead_id"])
        assert report.is_whole, report
        assert report.length == lead["count"]


def test_every_state_of_consent_names_evidence_that_says_the_same(riega: DemoResult) -> None:
    assert rows(riega, "SELECT id FROM consent_state WHERE workspace_id = %(workspace)s LIMIT 1")
    assert not rows(riega, """
        SELECT s.id FROM consent_state s LEFT JOIN consent_evidence e ON e.id = s.evidence_id
         WHERE s.workspace_id = %(workspace)s AND (e.lead_id, e.act, e.purpose, e.occurred_at)
               IS DISTINCT FROM (s.lead_id, s.state, s.purpose, s.since)""")  # fmt: skip


def test_the_product_decided_the_stages_at_past_times_with_evidence(riega: DemoResult) -> None:
    changes = list(StageChange.objects.filter(workspace_id=riega.workspace.id, by="guard").order_by("id"))
    assert changes
    assert all(change.evidence["guard"] and change.evidence["words"]["es"] for change in changes)
    assert len({change.at.date() for change in changes}) > 10
    before = dict(LeadState.objects.filter(workspace_id=riega.workspace.id).values_list("lead_id", "stage"))
    assert rebuild(riega.workspace.id) == 0
    assert before == dict(LeadState.objects.filter(workspace_id=riega.workspace.id).values_list("lead_id", "stage"))


def test_no_profile_is_made_of_those_who_did_not_agree(riega: DemoResult) -> None:
    assert not rows(riega, """
        SELECT s.lead_id FROM lead_state s LEFT JOIN consent_mark m ON m.lead_id = s.lead_id
         WHERE s.workspace_id = %(workspace)s AND s.score IS NOT NULL
           AND (m.valid_since IS NULL OR m.profiled_since IS NULL)""")  # fmt: skip


def test_the_newest_leads_are_inside_the_workflow_and_their_mails_in_the_mailbox(riega: DemoResult) -> None:
    by_form = Lead.objects.filter(workspace_id=riega.workspace.id, source_kind="form")
    newest = set(by_form.filter(created_at__gt=END - RECENT).values_list("id", flat=True))
    inside = Enrolment.objects.filter(workspace_id=riega.workspace.id, exited_at=None)
    assert newest
    assert set(inside.values_list("lead_id", flat=True)) == newest
    assert all(END < trip.due_at <= END + RECENT for trip in inside if trip.due_at)
    (mails,) = rows(riega, "SELECT count(*) FROM mailbox_message WHERE workspace_id = %(workspace)s")
    assert mails["count"] >= 2 * len(newest)


def test_sellers_answer_within_days_and_one_who_bought_was_accepted_or_moved_on(riega: DemoResult) -> None:
    given = list(HandOver.objects.filter(workspace_id=riega.workspace.id).order_by("id"))
    assert given
    still_open = [each for each in given if each.is_open]
    assert all(each.created_at > END - timedelta(days=5) for each in still_open)
    assert {each.owner_id for each in given} == set(
        Membership.objects.filter(workspace=riega.workspace, role="sales").values_list("user_id", flat=True)
    )


def test_its_people_have_no_real_addresses(riega: DemoResult) -> None:
    addresses = Lead.objects.filter(workspace_id=riega.workspace.id).values_list("email", flat=True)
    assert all(address.endswith(".example") for address in addresses)


def test_live_visitors_come_in_from_the_start(riega: DemoResult) -> None:
    assert is_live(riega.workspace.id)


def test_the_truth_beats_the_model_and_the_model_beats_chance(huerta: Any) -> None:
    """Who buys within 45 days, of those who had not bought: by what they want, and by what the model sees."""
    apply_folder(workspace_id=huerta.id, folder=DEMO_FOLDER, by="system", at=END - timedelta(days=200))
    history = imagine(at=END, seed=7, leads=800)
    events = write_past(set_stage(huerta, Sources(web=1, server=2)), history)
    record_events(workspace_id=huerta.id, events=events, received_at=None, queue=False)
    cut = END - timedelta(days=45)
    totals = totals_at(huerta.id, cut)
    true, model = [], []
    for newcomer in history.newcomers:
        bought_at = newcomer.life.bought_at
        if newcomer.born < cut and newcomer.person.email in totals and not (bought_at and bought_at <= cut):
            true.append((newcomer.life.true_score(cut), bought_at is not None))
            model.append((totals[newcomer.person.email], bought_at is not None))
    assert area_under_curve(true) > area_under_curve(model) > 0.6


def totals_at(workspace_id: int, at: datetime) -> dict[str, float]:
    version = primary_model(workspace_id)
    assert version is not None
    compiled = compile_model(ScoringModel.read(version.body), timezone="Europe/Madrid")
    leads = list(Lead.objects.filter(workspace_id=workspace_id).values_list("id", flat=True))
    found = fetch_all(
        f"WITH {compiled.steps} SELECT l.email, c.total FROM computed c JOIN lead l ON l.id = c.lead_id",
        {**compiled.parameters, "workspace": workspace_id, "leads": leads, "at": at, "until": at},
    )
    return {row["email"]: row["total"] for row in found}


def area_under_curve(scored: list[tuple[float, bool]]) -> float:
    """How often somebody who bought stands above somebody who did not; a tie is half."""
    bought = [score for score, has_bought in scored if has_bought]
    others = [score for score, has_bought in scored if not has_bought]
    return sum((a > b) + (a == b) / 2 for a in bought for b in others) / (len(bought) * len(others))
