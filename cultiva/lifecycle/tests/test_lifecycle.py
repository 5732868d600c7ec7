from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from cultiva.accounts.actions import create_user
from cultiva.accounts.models import User
from cultiva.events.batch import Batch
from cultiva.events.models import Event
from cultiva.leads.models import Lead, LeadState
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError, read_document
from cultiva.lifecycle.actions import (
    StageError,
    advance,
    aside_label,
    count_by_stage,
    move_lead,
    publish_lifecycle,
    rebuild,
    stages_for,
)
from cultiva.lifecycle.document import read_lifecycle
from cultiva.lifecycle.models import StageChange
from cultiva.lifecycle.tests.cast import LIFECYCLE, act, make_lead, see_page, take_batch
from cultiva.scoring.models import ModelVersion, Score

HOUR = timedelta(hours=1)


@pytest.fixture
def company(huerta: Any, at: datetime) -> Any:
    publish_lifecycle(workspace_id=huerta.id, text=LIFECYCLE, at=at)
    return huerta


@pytest.fixture
def eva(db: None, at: datetime) -> User:
    return create_user(email="eva@huerta.example", full_name="Eva", at=at)


def stage_of(lead: Lead) -> str:
    return LeadState.objects.get(lead=lead).stage


def flow(workspace: Any, at: datetime) -> Batch:
    batch = take_batch(workspace, at)
    advance(batch)
    return batch


def test_a_guard_moves_the_lead_and_keeps_its_evidence(company: Any, at: datetime) -> None:
    ana = make_lead(company, "ana", at)
    model = ModelVersion.objects.create(
        workspace=company, key="readiness", version=2, name="R", body={}, published_at=at, is_primary=True
    )
    Score.objects.create(
        workspace=company,
        lead=ana,
        model=model,
        total=41.5,
        dimensions={"fit": 20, "interest": 21.5},
        temperature="warm",
        grade="B",
        at=at,
    )
    act(ana, "download", at)
    flow(company, at + HOUR)

    change = StageChange.objects.get(lead=ana)
    assert (change.from_stage, change.to_stage, change.ordinal, change.cycle) == (
        "lead",
        "marketing_qualified",
        1,
        1,
    )
    assert (change.at, change.by) == (at + HOUR, "guard")
    evidence = change.evidence
    (event,) = evidence.pop("events")
    assert (event["name"], datetime.fromisoformat(event["occurred_at"])) == ("download", at)
    assert evidence.pop("words") == {"es": "descarga un contenido", "en": "downloads content"}
    assert evidence == {
        "lifecycle": "sales",
        "version": 1,
        "guard": "interested",
        "score": 41.5,
        "temperature": "warm",
        "grade": "B",
        "dimensions": {"fit": 20, "interest": 21.5},
        "model": "readiness",
        "model_version": 2,
    }


def test_a_lead_climbs_two_stages_in_one_batch(company: Any, at: datetime) -> None:
    publish_lifecycle(
        workspace_id=company.id,
        at=at,
        text=LIFECYCLE.replace("from: [lead, marketing_qualified]", "from: marketing_qualified"),
    )
    ana = make_lead(company, "ana", at)
    act(ana, "download", at)
    see_page(ana, "/precios", at)
    batch = flow(company, at)

    told = [(e.name, e.properties["from"], e.properties["to"], e.properties["guard"]) for e in batch.of_kind("stage")]
    assert told == [
        ("stage_changed", "lead", "marketing_qualified", "interested"),
        ("stage_changed", "marketing_qualified", "sales_qualified", "ready"),
    ]
    assert stage_of(ana) == "sales_qualified"
    assert list(StageChange.objects.filter(lead=ana).order_by("ordinal").values_list("ordinal", flat=True)) == [1, 2]


def test_the_first_transition_in_the_document_wins(company: Any, at: datetime) -> None:
    ana = make_lead(company, "ana", at)
    act(ana, "download", at)
    see_page(ana, "/precios", at)
    batch = flow(company, at)
    assert [event.properties["guard"] for event in batch.of_kind("stage")] == ["interested", "ready"]


def test_a_second_run_changes_nothing(company: Any, at: datetime) -> None:
    ana = make_lead(company, "ana", at)
    act(ana, "download", at)
    batch = flow(company, at)
    advance(Batch(company.id, at, lead_ids=batch.lead_ids))
    advance(Batch(company.id, at + HOUR, lead_ids=batch.lead_ids))
    assert StageChange.objects.filter(lead=ana).count() == 1


def test_a_lead_without_valid_consent_stays(company: Any, at: datetime) -> None:
    ana = make_lead(company, "ana", at, is_valid=False)
    act(ana, "download", at)
    flow(company, at)
    assert stage_of(ana) == "lead"


def test_guards_that_chase_each_other_come_to_rest(company: Any, at: datetime) -> None:
    always = """
  - {key: up, from: lead, to: marketing_qualified, when: {all: []}}
  - {key: on, from: marketing_qualified, to: sales_qualified, when: {all: []}}
  - {key: down, from: sales_qualified, to: lead, when: {all: []}}
"""
    publish_lifecycle(workspace_id=company.id, text=LIFECYCLE.split("  - key: interested")[0] + always, at=at)
    ana = make_lead(company, "ana", at)
    act(ana, "anything", at)
    flow(company, at)
    assert stage_of(ana) == "sales_qualified"
    advance(Batch(company.id, at, lead_ids=[ana.id]))
    assert stage_of(ana) == "sales_qualified"
    advance(Batch(company.id, at + HOUR, lead_ids=[ana.id]))
    assert StageChange.objects.filter(lead=ana).count() == 4  # down and up; `on` leads to the stage left just now


def test_a_rejected_lead_does_not_bounce_back_until_it_acts(company: Any, eva: User, at: datetime) -> None:
    ana = make_lead(company, "ana", at)
    act(ana, "download", at)
    see_page(ana, "/precios", at)
    flow(company, at)
    move_lead(
        workspace_id=company.id,
        lead_id=ana.id,
        to_stage="marketing_qualified",
        by=eva,
        reason="No budget",
        at=at + HOUR,
    )
    flow(company, at + 2 * HOUR)
    act(ana, "email_opened", at + 3 * HOUR, actor="machine")
    flow(company, at + 3 * HOUR)
    assert stage_of(ana) == "marketing_qualified"

    see_page(ana, "/contacto", at + 4 * HOUR)
    flow(company, at + 4 * HOUR)
    assert stage_of(ana) == "sales_qualified"
    last = StageChange.objects.filter(lead=ana).latest("ordinal")
    assert (last.cycle, last.evidence["guard"]) == (2, "ready")


def test_a_lead_sent_all_the_way_back_stays_there(company: Any, eva: User, at: datetime) -> None:
    ana = make_lead(company, "ana", at)
    act(ana, "download", at)
    see_page(ana, "/precios", at)
    flow(company, at)
    move_lead(workspace_id=company.id, lead_id=ana.id, to_stage="lead", by=eva, reason="A student", at=at + HOUR)
    flow(company, at + 2 * HOUR)
    assert stage_of(ana) == "lead"


def test_a_move_by_staff_is_told_once_with_its_author(company: Any, eva: User, at: datetime) -> None:
    ana = make_lead(company, "ana", at)
    for _ in range(2):
        move_lead(workspace_id=company.id, lead_id=ana.id, to_stage="opportunity", by=eva, at=at)
    batch = flow(company, at)
    (told,) = batch.of_kind("stage")
    assert told.properties | {"change": 0} == {
        "from": "lead",
        "to": "opportunity",
        "guard": "",
        "cycle": 1,
        "change": 0,
        "user": eva.id,
        "reason": "",
    }
    assert Event.objects.get(id=told.id).by == "staff"
    assert StageChange.objects.get(lead=ana).by == f"user:{eva.id}"


@pytest.mark.parametrize(
    ("to_stage", "reason", "says"),
    [("custommer", "", "No stage `custommer`"), ("lead", " ", "A lead goes back for a reason")],
)
def test_it_refuses_a_move_that_cannot_be(
    company: Any, eva: User, at: datetime, to_stage: str, reason: str, says: str
) -> None:
    ana = make_lead(company, "ana", at)
    move_lead(workspace_id=company.id, lead_id=ana.id, to_stage="disqualified", by=eva, at=at)
    with pytest.raises(StageError, match=says):
        move_lead(workspace_id=company.id, lead_id=ana.id, to_stage=to_stage, by=eva, reason=reason, at=at)


def test_a_rebuild_gives_the_live_stages(company: Any, eva: User, at: datetime) -> None:
    leads = [make_lead(company, f"lead{n}", at) for n in range(6)]
    for lead in leads[:4]:
        act(lead, "download", at)
    for lead in leads[:2]:
        see_page(lead, "/precios", at)
    flow(company, at)
    move_lead(
        workspace_id=company.id,
        lead_id=leads[0].id,
        to_stage="lead",
        by=eva,
        reason="Too early",
        at=at + HOUR,
    )
    columns = ("lead_id", "stage", "stage_since", "cycle")
    live = list(LeadState.objects.order_by("lead_id").values_list(*columns))

    assert rebuild(company.id) == 0
    LeadState.objects.update(stage="customer", cycle=9)
    assert rebuild(company.id) == 6
    assert list(LeadState.objects.order_by("lead_id").values_list(*columns)) == live


def test_the_screen_shows_done_current_and_todo(company: Any, eva: User, at: datetime) -> None:
    ana = make_lead(company, "ana", at)
    act(ana, "download", at)
    flow(company, at)
    ana = Lead.objects.get(id=ana.id)
    steps = stages_for(ana, language="es")
    assert [step["state"] for step in steps] == ["done", "current", "todo", "todo", "todo", "todo"]
    assert steps[3] == {"key": "opportunity", "label": "Oportunidad", "state": "todo"}

    move_lead(workspace_id=company.id, lead_id=ana.id, to_stage="disqualified", by=eva, at=at)
    ana = Lead.objects.get(id=ana.id)
    assert [step["state"] for step in stages_for(ana)] == ["done", "done", "todo", "todo", "todo", "todo"]
    assert aside_label(ana, language="en") == "Disqualified"


def test_the_funnel_counts_who_stands_and_who_ever_reached(company: Any, eva: User, at: datetime) -> None:
    leads = [make_lead(company, f"lead{n}", at) for n in range(5)]
    for lead in leads[:3]:
        act(lead, "download", at)
    flow(company, at)
    move_lead(workspace_id=company.id, lead_id=leads[0].id, to_stage="opportunity", by=eva, at=at)
    move_lead(workspace_id=company.id, lead_id=leads[0].id, to_stage="disqualified", by=eva, at=at)
    counts = {row["key"]: (row["now"], row["reached"]) for row in count_by_stage(company.id)}
    assert counts == {
        "lead": (2, 5),
        "marketing_qualified": (2, 3),
        "sales_qualified": (0, 1),
        "opportunity": (0, 1),
        "customer": (0, 0),
        "service_qualified": (0, 0),
        "disqualified": (1, 1),
    }


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("{stage: marketing_qualified}", True),
        ("{stage: lead}", False),
        ("{stage: lead, ever: true}", True),
        ("{stage: marketing_qualified, ever: true}", True),
        ("{stage: customer, ever: true}", False),
        ("{stage: marketing_qualified, for_days_at_least: 3}", True),
        ("{stage: marketing_qualified, for_days_at_least: 3.5}", False),
        ("{not: {stage: customer}}", True),
    ],
)
def test_a_guard_reads_stages(company: Any, at: datetime, condition: str, holds: bool) -> None:
    text = LIFECYCLE + f"  - {{key: asked, from: marketing_qualified, to: opportunity, when: {condition}}}\n"
    ana = make_lead(company, "ana", at - 9 * HOUR)
    act(ana, "download", at)
    flow(company, at)
    publish_lifecycle(workspace_id=company.id, text=text, at=at)
    advance(Batch(company.id, at + timedelta(days=3), lead_ids=[ana.id]))
    assert (stage_of(ana) == "opportunity") is holds


def test_publishing_the_same_text_again_changes_nothing(company: Any, at: datetime) -> None:
    again = publish_lifecycle(workspace_id=company.id, text=LIFECYCLE, at=at + HOUR)
    assert (again.version, again.published_at) == (1, at)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "to: marketing_qualified",
            "to: marketing_qualifed",
            "transitions[0]: no stage `marketing_qualifed`\nhint: did you mean `marketing_qualified`?",
        ),
        ("key: customer", "key: opportunity", "stages: `opportunity` is given twice"),
        ("key: bought", "key: ready", "transitions: `ready` is given twice"),
        ("aside: true", "beside: true", "stages[6]: unknown key `beside`\nhint: did you mean `aside`?"),
        ("aside: true", "aside: 1", "stages[6].aside: 1 is neither true nor false"),
        ("start: lead", "start: customer", "start: 'customer' cannot be the start"),
        ("name: De lead", "timezone: Europe/Madird\nname: De lead", "timezone: no time zone 'Europe/Madird'"),
        (
            "when: {event: purchase}",
            "when: {event: purchase, since: lead}",
            "transitions[2].when.since: there is no `lead` to count from",
        ),
        (
            "from: customer",
            "from: service_qualified",
            "transitions[3]: it leads from `service_qualified` to itself",
        ),
        ("lifecycle: sales", "lifecycle: other", "lifecycle: `other` would be a second one beside `sales`"),
        ("{es: SQL, en: SQL}", "{es: SQL}", "stages[2].label: `en` is missing"),
    ],
)
def test_a_wrong_lifecycle_is_refused_by_place(company: Any, at: datetime, old: str, new: str, says: str) -> None:
    with pytest.raises(DocumentError) as refused:
        publish_lifecycle(workspace_id=company.id, text=LIFECYCLE.replace(old, new, 1), at=at)
    assert str(refused.value).startswith(says)


def test_it_refuses_to_drop_a_stage_where_leads_stand(company: Any, at: datetime) -> None:
    act(make_lead(company, "ana", at), "download", at)
    flow(company, at)
    short = "lifecycle: sales\nstages: [{key: lead}]\ntransitions: []\n"
    with pytest.raises(DocumentError, match="`marketing_qualified` is missing and leads stand there: 1"):
        publish_lifecycle(workspace_id=company.id, text=short, at=at)


def test_a_stage_that_only_staff_can_give_is_a_warning(company: Any) -> None:
    assert read_lifecycle(read_document(LIFECYCLE)).unreachable_stages() == ["opportunity", "disqualified"]


def test_another_workspace_sees_nothing(company: Any, other_co: Any, at: datetime) -> None:
    act(make_lead(company, "ana", at), "download", at)
    flow(company, at)
    with workspace_scope(other_co.id):
        assert StageChange.objects.count() == 0
        assert count_by_stage(other_co.id) == []
        with (
            pytest.raises(Exception, match="row-level security"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "INSERT INTO stage_change (workspace_id, lead_id, ordinal, from_stage, to_stage, cycle, at,"
                " by, reason, evidence) VALUES (%s, 1, 1, 'a', 'b', 1, %s, 'guard', '', '{}')",
                [company.id, at],
            )
