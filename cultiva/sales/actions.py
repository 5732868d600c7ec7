"""Handing sale-ready leads to people, with a clock, and what those people answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cultiva.accounts.models import User
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.batch import Batch
from cultiva.events.staged import StagedEvent, record_staged
from cultiva.leads.actions import lock_leads
from cultiva.leads.models import Lead, LeadState
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope
from cultiva.lifecycle.actions import move_lead
from cultiva.lifecycle.models import StageChange
from cultiva.sales.models import HandOver

# The stages that are handed over, and where a rejected lead goes back to.
BACK_TO = {"sales_qualified": "marketing_qualified", "service_qualified": "customer"}
ANSWER_WITHIN_HOURS = 4  # the clock of docs/reference/lifecycle.md, of the calendar, not of the office


class HandOverError(ValueError):
    """A hand-over cannot be answered as asked; the message says why."""


@dataclass(frozen=True)
class Waiting:
    """A hand-over that nobody has answered. `lead.state` is loaded."""

    hand_over: HandOver
    lead: Lead
    owner: User | None
    waited: timedelta
    is_overdue: bool


def hand_over(batch: Batch) -> None:
    """Step of `flow`: leads that became sale-ready get an owner and a clock; what lost its reason lapses."""
    changes = [event for event in batch.of_kind("stage") if event.name == "stage_changed"]
    if not changes:
        return
    lead_ids = sorted({event.lead_id for event in changes if event.lead_id})
    _lapse(batch.workspace_id, lead_ids, at=batch.at)
    given = fetch_all(
        load_sql("sales", "hand_over"),
        {
            "workspace": batch.workspace_id,
            "changes": [event.properties["change"] for event in changes],
            "stages": list(BACK_TO),
            "hours": ANSWER_WITHIN_HOURS,
            "at": batch.at,
        },
    )
    batch.record([_given_event(row, at=batch.at) for row in given])


def _given_event(row: dict[str, Any], *, at: datetime) -> NewEvent:
    return NewEvent(
        kind="stage",
        name="handed_over",
        message_id=f"hand_over:{row['id']}",
        occurred_at=at,
        lead_id=row["lead_id"],
        by="system",
        properties={"hand_over": row["id"], "owner": row["owner_id"], "due_at": row["due_at"].isoformat()},
    )


def accept_hand_over(*, workspace_id: int, hand_over_id: int, by: User, at: datetime) -> HandOver:
    """The lead is theirs from now on. The same again changes nothing; raises HandOverError."""
    with workspace_scope(workspace_id):
        hand_over, is_new = _answer(workspace_id, hand_over_id, by=by, at=at, accepted_at=at)
        if is_new:
            LeadState.objects.filter(workspace_id=workspace_id, lead_id=hand_over.lead_id).update(owner=by)
            _record_answer(hand_over, "hand_over_accepted", by=by, at=at)
    return hand_over


def reject_hand_over(*, workspace_id: int, hand_over_id: int, by: User, reason: str, at: datetime) -> HandOver:
    """The lead goes back to nurture, without owner. The same again changes nothing; raises HandOverError."""
    reason = reason.strip()
    if not reason:
        raise HandOverError("A rejection needs its reason.\nhint: say what was missing")
    with workspace_scope(workspace_id):
        hand_over, is_new = _answer(workspace_id, hand_over_id, by=by, at=at, rejected_at=at, reason=reason)
        if is_new:
            LeadState.objects.filter(workspace_id=workspace_id, lead_id=hand_over.lead_id).update(owner=None)
            _record_answer(hand_over, "hand_over_rejected", by=by, at=at, reason=reason)
            stage = StageChange.objects.get(workspace_id=workspace_id, id=hand_over.stage_change_id).to_stage
            move_lead(
                workspace_id=workspace_id,
                lead_id=hand_over.lead_id,
                to_stage=BACK_TO[stage],
                by=by,
                reason=reason,
                at=at,
            )
    return hand_over


def _answer(workspace_id: int, hand_over_id: int, *, by: User, at: datetime, **answer: Any) -> tuple[HandOver, bool]:
    """Close an open hand-over with an answer, once; whether it is new. Raises HandOverError."""
    hand_over = HandOver.objects.filter(workspace_id=workspace_id, id=hand_over_id).first()
    if hand_over is None:
        raise HandOverError("There is no such hand-over.")
    lock_leads(workspace_id=workspace_id, lead_ids=[hand_over.lead_id])
    _lapse(workspace_id, [hand_over.lead_id], at=at)
    still_open = HandOver.objects.open().filter(workspace_id=workspace_id, id=hand_over_id)
    is_new = bool(still_open.update(answered_by=by, **answer))
    hand_over.refresh_from_db()
    if not is_new and not (hand_over.answered_by_id == by.id and all(getattr(hand_over, each) for each in answer)):
        raise HandOverError("This hand-over is closed: somebody answered it, or the lead has moved on.")
    return hand_over, is_new


def _lapse(workspace_id: int, lead_ids: list[int], *, at: datetime) -> None:
    execute(load_sql("sales", "lapse_hand_overs"), {"workspace": workspace_id, "leads": lead_ids, "at": at})


def _record_answer(hand_over: HandOver, name: str, *, by: User, at: datetime, **more: Any) -> None:
    event = NewEvent(
        kind="staff",
        name=name,
        message_id=f"{name}:{hand_over.id}",
        occurred_at=at,
        lead_id=hand_over.lead_id,
        by="staff",
        properties={"hand_over": hand_over.id, "user": by.id, **more},
    )
    record_events(workspace_id=hand_over.workspace_id, events=[event], received_at=at)


def waiting(workspace_id: int, at: datetime) -> list[Waiting]:
    """Hand-overs that nobody has answered, the overdue and then the next due first."""
    with workspace_scope(workspace_id):
        still_open = HandOver.objects.open().filter(workspace_id=workspace_id)
        rows = list(still_open.select_related("lead__state", "owner").order_by("due_at", "id"))
    return [
        Waiting(
            hand_over=row,
            lead=row.lead,
            owner=row.owner,
            waited=at - row.created_at,
            is_overdue=row.is_overdue(at),
        )
        for row in rows
    ]


def assign_owners(
    *, workspace_id: int, lead_ids: Sequence[int], owner_id: int | None, at: datetime, context: dict[str, Any]
) -> dict[int, int | None]:
    """The leads, which the caller holds, are theirs from now on, or nobody's; {lead: whose it was} of those that were
    not. Open hand-overs keep their clock: who answers one has the lead."""
    return _give(workspace_id, dict.fromkeys(lead_ids, owner_id), at=at, context=context)


def give_owners_back(
    *,
    workspace_id: int,
    before: Mapping[int, int | None],
    given_id: int | None,
    at: datetime,
    context: dict[str, Any],
) -> int:
    """Leads that still are whose `assign_owners` made them go back to whom they had; returns how many."""
    present = LeadState.objects.filter(workspace_id=workspace_id, lead_id__in=before, owner=given_id)
    unchanged = present.order_by("lead_id").values_list("lead_id", flat=True)
    return len(_give(workspace_id, {lead_id: before[lead_id] for lead_id in unchanged}, at=at, context=context))


def _give(
    workspace_id: int, owners: Mapping[int, int | None], *, at: datetime, context: dict[str, Any]
) -> dict[int, int | None]:
    parameters = {"workspace": workspace_id, "leads": list(owners), "owners": list(owners.values())}
    rows = fetch_all(load_sql("sales", "give_owners"), parameters)
    events = [
        StagedEvent(
            kind="staff",
            name="owner_changed",
            occurred_at=at,
            lead_id=row["lead_id"],
            by="staff",
            properties={"owner": row["owner_id"], "before": row["before"], "owner_name": row["owner_name"]},
            context=context,
        )
        for row in rows
    ]
    if events:
        record_staged(workspace_id=workspace_id, events=events, at=at)
    return {row["lead_id"]: row["before"] for row in rows}
