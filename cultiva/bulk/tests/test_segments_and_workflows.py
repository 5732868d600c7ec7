"""Actions that put leads somewhere: into a fixed segment, out of it, into a workflow."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.bulk.kinds.base import BulkRefused
from cultiva.bulk.running import create_action, start
from cultiva.bulk.tests.conftest import Act, undo
from cultiva.bulk.turns import take_turn
from cultiva.bulk.undoing import start_undo
from cultiva.consent.actions import record_consents
from cultiva.consent.evidence import Circumstances
from cultiva.consent.models import PolicyVersion
from cultiva.events.models import Event
from cultiva.leads.models import Lead
from cultiva.nurture.actions import publish_workflow
from cultiva.nurture.models import Enrolment
from cultiva.segments.actions import delete_segment, save_segment
from cultiva.segments.models import Member, Segment

LATER = timedelta(hours=1)
WELCOME = """
workflow: welcome
name: Bienvenida
purpose: marketing
entry: {event: download}
nodes:
  espera: {wait: {days: 3}, next: fin}
  fin:    {exit: true}
start: espera
"""


def members(segment: Segment) -> set[int]:
    return set(Member.objects.filter(segment=segment, until=None).values_list("lead_id", flat=True))


def test_leads_are_put_into_a_fixed_segment_and_taken_out_again(
    people: list[Lead], fair: Segment, act: Act, at: datetime
) -> None:
    action = act("put_in_segment", {"segment": "feria"}, people, when=at + LATER)
    assert action.counts == {"changed": 2, "unchanged": 1}
    assert members(fair) == {lead.id for lead in people}
    entered = Event.objects.filter(kind="segment", occurred_at=at + LATER)
    assert entered.count() == 2
    undo(action, at + 2 * LATER)
    assert members(fair) == {people[0].id}  # she was in it before


def test_leads_are_taken_out_of_a_fixed_segment_and_put_back(
    people: list[Lead], fair: Segment, act: Act, at: datetime
) -> None:
    action = act("take_out_of_segment", {"segment": "feria"}, people, when=at + LATER)
    assert (action.counts, members(fair)) == ({"changed": 1, "unchanged": 2}, set())
    undo(action, at + 2 * LATER)
    assert members(fair) == {people[0].id}


def test_the_members_of_a_segment_can_be_chosen(people: list[Lead], fair: Segment, act: Act) -> None:
    action = act("add_tag", {"tag": "feria"}, {"segment": "feria"})
    assert (action.total, Lead.objects.get(id=people[0].id).attributes["tags"]) == (1, ["vip", "feria"])
    with pytest.raises(BulkRefused, match="no segment `unknown`"):
        act("add_tag", {"tag": "feria"}, {"segment": "unknown"})


def test_nobody_is_put_into_a_segment_that_follows_criteria(
    lawful: Any, people: list[Lead], act: Act, at: datetime
) -> None:
    save_segment(
        workspace_id=lawful.id, name="Vino", criteria={"attribute": "sector", "is": "vino"}, by="user:1", at=at
    )
    with pytest.raises(BulkRefused, match="no fixed segment `vino`"):
        act("put_in_segment", {"segment": "vino"}, people)


def test_an_action_whose_segment_is_deleted_meanwhile_fails_with_the_reason(
    lawful: Any, people: list[Lead], fair: Segment, at: datetime
) -> None:
    action = create_action(
        workspace_id=lawful.id, kind="put_in_segment", settings={"segment": "feria"}, selection={"filter": {}}, by="u",
        at=at,
    )  # fmt: skip
    start(action=action, at=at, by="u")
    delete_segment(workspace_id=lawful.id, segment_id=fair.id, by="u", at=at)
    assert take_turn(workspace_id=lawful.id, now=lambda: at, must_stop=lambda: False) == 1
    action.refresh_from_db()
    assert action.state == "failed"
    assert "no fixed segment `feria` any more" in action.problem


def test_an_undoing_that_failed_is_begun_anew(
    lawful: Any, people: list[Lead], fair: Segment, act: Act, at: datetime
) -> None:
    action = act("put_in_segment", {"segment": "feria"}, people)
    start_undo(action=action, at=at, by="u")
    Segment.objects.filter(id=fair.id).update(key="elsewhere")
    take_turn(workspace_id=lawful.id, now=lambda: at, must_stop=lambda: False)
    action.refresh_from_db()
    assert action.state == "undo_failed"
    with pytest.raises(BulkRefused, match="started already"):
        start(action=action, at=at, by="u")  # it must not be done a second time
    Segment.objects.filter(id=fair.id).update(key="feria")
    undo(action, at)
    assert members(fair) == {people[0].id}


def test_valid_leads_alone_enter_a_workflow_and_each_once(
    lawful: Any, people: list[Lead], act: Act, at: datetime
) -> None:
    publish_workflow(workspace_id=lawful.id, text=WELCOME, at=at)
    ana, bea, _carlos = people
    for lead in (ana, bea):
        record_consents(
            workspace_id=lawful.id, lead_id=lead.id, language="es", circumstances=Circumstances(form="guia"), at=at,
            policy=PolicyVersion.currents(lawful.id)[0], purposes=[],
        )  # fmt: skip
    action = act("enrol", {"workflow": "welcome"}, people, when=at + LATER)
    assert action.counts == {"changed": 2, "unchanged": 1}
    assert list(Enrolment.objects.order_by("lead_id").values_list("lead_id", "node")) == [
        (ana.id, "espera"), (bea.id, "espera"),
    ]  # fmt: skip
    assert Event.objects.filter(name="workflow_entered").count() == 2
    assert act("enrol", {"workflow": "welcome"}, people, when=at + 2 * LATER).counts == {"unchanged": 3}
    with pytest.raises(BulkRefused, match="cannot be undone"):
        start_undo(action=action, at=at, by="u")
