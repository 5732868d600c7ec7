from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from cultiva.accounts.actions import create_user, grant_role
from cultiva.accounts.models import User
from cultiva.events.batch import Batch
from cultiva.events.models import Event
from cultiva.leads.models import Lead, LeadState
from cultiva.lib.database import workspace_scope
from cultiva.lifecycle.actions import advance, move_lead, publish_lifecycle
from cultiva.lifecycle.tests.cast import LIFECYCLE, act, make_lead, see_page, take_batch
from cultiva.sales.actions import HandOverError, accept_hand_over, hand_over, reject_hand_over, waiting
from cultiva.sales.models import HandOver

HOUR = timedelta(hours=1)
Hire = Callable[..., User]


@pytest.fixture
def company(huerta: Any, at: datetime) -> Any:
    publish_lifecycle(workspace_id=huerta.id, text=LIFECYCLE, at=at)
    return huerta


@pytest.fixture
def hire(company: Any, at: datetime) -> Hire:
    def hire(name: str, role: str = "sales") -> User:
        user = create_user(email=f"{name}@huerta.example", full_name=name, at=at)
        grant_role(workspace_id=company.id, user=user, role=role, at=at)
        return user

    return hire


def make_ready(workspace: Any, name: str, at: datetime) -> Lead:
    lead = make_lead(workspace, name, at)
    act(lead, "download", at)
    see_page(lead, "/precios", at)
    return lead


def flow(workspace: Any, at: datetime) -> Batch:
    batch = take_batch(workspace, at)
    advance(batch)
    hand_over(batch)
    return batch


def owner_of(lead: Lead) -> User | None:
    return LeadState.objects.select_related("owner").get(lead=lead).owner


def test_a_sale_ready_lead_gets_an_owner_and_a_clock(company: Any, hire: Hire, at: datetime) -> None:
    eva = hire("eva")
    ana = make_ready(company, "ana", at)
    batch = flow(company, at)
    given = HandOver.objects.get(lead=ana)
    assert (given.owner, given.created_at, given.due_at) == (eva, at, at + 4 * HOUR)
    assert owner_of(ana) == eva
    told = batch.of_kind("stage")[-1]
    assert (told.name, told.properties) == (
        "handed_over",
        {"hand_over": given.id, "owner": eva.id, "due_at": "2026-03-10T16:00:00+00:00"},
    )


def test_leads_go_round_the_sellers(company: Any, hire: Hire, at: datetime) -> None:
    eva, leo, mia = hire("eva"), hire("leo"), hire("mia")
    first = [make_ready(company, f"first{n}", at) for n in range(4)]
    flow(company, at)
    then = [make_ready(company, f"then{n}", at) for n in range(3)]
    flow(company, at + HOUR)
    assert [owner_of(lead) for lead in first] == [eva, leo, mia, eva]
    assert [owner_of(lead) for lead in then] == [leo, mia, eva]


def test_only_active_sellers_get_leads(company: Any, hire: Hire, at: datetime) -> None:
    gone, eva = hire("gone"), hire("eva")
    hire("boss", "owner")
    User.objects.filter(id=gone.id).update(is_active=False)
    leads = [make_ready(company, f"lead{n}", at) for n in range(2)]
    flow(company, at)
    assert {owner_of(lead) for lead in leads} == {eva}


def test_where_nobody_sells_the_owner_of_the_company_does(company: Any, hire: Hire, at: datetime) -> None:
    boss = hire("boss", "owner")
    hire("writer", "marketing")
    ana = make_ready(company, "ana", at)
    flow(company, at)
    assert owner_of(ana) == boss


def test_a_lead_waits_even_where_there_is_nobody(company: Any, at: datetime) -> None:
    ana = make_ready(company, "ana", at)
    flow(company, at)
    (row,) = waiting(company.id, at + 5 * HOUR)
    assert (row.lead, row.owner, row.waited, row.is_overdue) == (ana, None, 5 * HOUR, True)


def test_a_second_run_hands_nothing_over_again(company: Any, hire: Hire, at: datetime) -> None:
    hire("eva")
    make_ready(company, "ana", at)
    batch = flow(company, at)
    hand_over(Batch(company.id, at + HOUR, events=batch.events, lead_ids=batch.lead_ids))
    assert HandOver.objects.count() == 1
    assert Event.objects.filter(name="handed_over").count() == 1


def test_a_service_request_of_a_customer_is_handed_over(company: Any, hire: Hire, at: datetime) -> None:
    eva = hire("eva")
    ana = make_lead(company, "ana", at)
    move_lead(workspace_id=company.id, lead_id=ana.id, to_stage="customer", by=eva, at=at)
    act(ana, "service_request", at)
    flow(company, at)
    given = HandOver.objects.get(lead=ana)
    reject_hand_over(workspace_id=company.id, hand_over_id=given.id, by=eva, reason="Answered by mail", at=at)
    assert LeadState.objects.get(lead=ana).stage == "customer"


def test_the_overdue_wait_first(company: Any, hire: Hire, at: datetime) -> None:
    hire("eva")
    old, new = make_ready(company, "old", at), None
    flow(company, at)
    new = make_ready(company, "new", at + 3 * HOUR)
    flow(company, at + 3 * HOUR)
    rows = waiting(company.id, at + 5 * HOUR)
    assert [(row.lead, row.is_overdue) for row in rows] == [(old, True), (new, False)]


def test_accepting_makes_the_lead_theirs_once(company: Any, hire: Hire, at: datetime) -> None:
    hire("eva")
    leo = hire("leo")
    ana = make_ready(company, "ana", at)
    flow(company, at)
    given = HandOver.objects.get(lead=ana)
    for later in (1, 2):
        accept_hand_over(workspace_id=company.id, hand_over_id=given.id, by=leo, at=at + later * HOUR)
    given.refresh_from_db()
    assert (given.accepted_at, given.answered_by) == (at + HOUR, leo)
    assert owner_of(ana) == leo
    assert waiting(company.id, at) == []
    told = Event.objects.get(name="hand_over_accepted")
    assert (told.kind, told.by, told.properties) == (
        "staff",
        "staff",
        {"hand_over": given.id, "user": leo.id},
    )


def test_a_rejected_lead_returns_to_nurture_with_the_reason(company: Any, hire: Hire, at: datetime) -> None:
    eva = hire("eva")
    ana = make_ready(company, "ana", at)
    flow(company, at)
    given = HandOver.objects.get(lead=ana)
    for later in (1, 2):
        reject_hand_over(
            workspace_id=company.id, hand_over_id=given.id, by=eva, reason="No budget", at=at + later * HOUR
        )
    flow(company, at + 3 * HOUR)
    state = LeadState.objects.get(lead=ana)
    assert (state.stage, state.cycle, state.owner) == ("marketing_qualified", 2, None)
    given.refresh_from_db()
    assert (given.rejected_at, given.reason, given.lapsed_at) == (at + HOUR, "No budget", None)
    told = Event.objects.get(name="hand_over_rejected")
    assert told.properties == {"hand_over": given.id, "user": eva.id, "reason": "No budget"}


def test_a_hand_over_lapses_when_the_lead_moves_on(company: Any, hire: Hire, at: datetime) -> None:
    eva = hire("eva")
    ana = make_ready(company, "ana", at)
    flow(company, at)
    act(ana, "purchase", at + HOUR)
    flow(company, at + HOUR)
    given = HandOver.objects.get(lead=ana)
    assert given.lapsed_at == at + HOUR
    with pytest.raises(HandOverError, match="closed"), transaction.atomic():
        accept_hand_over(workspace_id=company.id, hand_over_id=given.id, by=eva, at=at + HOUR)


def test_an_answer_refuses_what_cannot_be(company: Any, hire: Hire, at: datetime) -> None:
    eva, leo = hire("eva"), hire("leo")
    make_ready(company, "ana", at)
    flow(company, at)
    number = HandOver.objects.get().id
    with pytest.raises(HandOverError, match="needs its reason"):
        reject_hand_over(workspace_id=company.id, hand_over_id=number, by=eva, reason=" ", at=at)
    with pytest.raises(HandOverError, match="no such"), transaction.atomic():
        accept_hand_over(workspace_id=company.id, hand_over_id=number + 1, by=eva, at=at)
    accept_hand_over(workspace_id=company.id, hand_over_id=number, by=eva, at=at)
    with pytest.raises(HandOverError, match="closed"), transaction.atomic():
        reject_hand_over(workspace_id=company.id, hand_over_id=number, by=leo, reason="Mine", at=at)


def test_another_workspace_sees_nothing(company: Any, other_co: Any, hire: Hire, at: datetime) -> None:
    eva = hire("eva")
    make_ready(company, "ana", at)
    flow(company, at)
    number = HandOver.objects.get().id
    assert waiting(other_co.id, at) == []
    with pytest.raises(HandOverError, match="no such"), transaction.atomic():
        accept_hand_over(workspace_id=other_co.id, hand_over_id=number, by=eva, at=at)
    with workspace_scope(other_co.id):
        assert HandOver.objects.count() == 0
