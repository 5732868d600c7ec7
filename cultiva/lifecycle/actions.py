"""Moving leads from stage to stage: by guards, by staff; and reading where they stand."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from cultiva.accounts.models import User, Workspace
from cultiva.criteria.language import compile_predicate, say
from cultiva.criteria.one_pass import OnePass
from cultiva.criteria.references import references_of, save_references
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.batch import Batch
from cultiva.leads.actions import lock_leads
from cultiva.leads.models import Lead, LeadState
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope
from cultiva.lib.documents import DocumentError, read_document
from cultiva.lifecycle.document import LANGUAGES, START, Lifecycle, read_lifecycle
from cultiva.lifecycle.models import LifecycleVersion, StageChange
from cultiva.segments.standing import personas_of

GUARD = "guard"  # who moved the lead, where it was not a user


class StageError(ValueError):
    """A lead cannot be moved as asked; the message says why and the way out."""


@dataclass(frozen=True)
class Change:
    """One stage change just written; `guard` is the key of the transition, empty for a move of staff."""

    id: int
    lead_id: int
    from_stage: str
    to_stage: str
    cycle: int
    guard: str


@dataclass(frozen=True)
class Move:
    """Where leads go, on whose account, and what their evidence says first."""

    to_stage: str
    by: str
    reason: str
    head: Mapping[str, Any]


def publish_lifecycle(*, workspace_id: int, text: str, at: datetime) -> LifecycleVersion:
    """Put a lifecycle in force; the same text again changes nothing. Raises DocumentError.

    A workspace has one lifecycle, in as many versions as it needs: a lead has one stage.
    """
    body = read_document(text, name="lifecycle")
    lifecycle = read_lifecycle(body)
    with workspace_scope(workspace_id):
        current = LifecycleVersion.in_force(workspace_id)
        if current and current.key != lifecycle.key:
            raise DocumentError(
                "lifecycle",
                gettext("`%(key)s` would be a second one beside `%(current)s`")
                % {"key": lifecycle.key, "current": current.key},
                gettext("write `lifecycle: %(key)s` to publish its next version") % {"key": current.key},
            )
        _refuse_to_strand(workspace_id, lifecycle)
        refers = references_of(each.when for each in lifecycle.transitions)
        save_references(workspace_id=workspace_id, kind="lifecycle", key=lifecycle.key, refers=refers)
        return LifecycleVersion.publish(
            workspace_id=workspace_id,
            key=lifecycle.key,
            name=lifecycle.name,
            body=body,
            source_text=text,
            at=at,
        )


def _refuse_to_strand(workspace_id: int, lifecycle: Lifecycle) -> None:
    stranded = LeadState.objects.filter(workspace_id=workspace_id).exclude(stage__in=lifecycle.stage_keys)
    if stage := stranded.order_by("stage", "lead_id").values_list("stage", flat=True).first():
        number = stranded.filter(stage=stage).count()
        raise DocumentError(
            "stages",
            gettext("`%(stage)s` is missing and leads stand there: %(number)s") % {"stage": stage, "number": number},
            gettext("keep the stage, or move them first"),
        )


def advance(batch: Batch) -> None:
    """Step of `flow`: take every valid lead of the batch as far as the guards lead it.

    In each round a lead takes one transition; no stage twice within one instant, so the rounds end.
    """
    lead_ids = batch.lead_ids
    version = LifecycleVersion.in_force(batch.workspace_id) if lead_ids else None
    if version is None:
        return
    lifecycle = read_lifecycle(version.body)
    moves = [
        Move(
            each.to_stage,
            GUARD,
            "",
            _head(version, guard=each.key, words={to: say(each.when, to) for to in LANGUAGES}),
        )
        for each in lifecycle.transitions
    ]
    while lead_ids:
        choices = _choose_transitions(batch, lifecycle, lead_ids)
        changes = _change_stages(batch.workspace_id, lifecycle, moves, choices, batch.at)
        batch.record([_event(change, by="system", at=batch.at) for change in changes])
        lead_ids = [change.lead_id for change in changes]


def _choose_transitions(batch: Batch, lifecycle: Lifecycle, lead_ids: Sequence[int]) -> dict[int, int]:
    """{lead id: number of the transition it takes now}"""
    if not lifecycle.transitions:
        return {}
    context = OnePass(
        timezone=lifecycle.timezone or _time_zone(batch.workspace_id), personas=personas_of(batch.workspace_id)
    )
    whens = [
        f"WHEN state.stage = ANY ({context.bind(list(each.from_stages))})"
        f" AND {context.bind(each.to_stage)} <> ALL (closed.stages)"
        f" AND {compile_predicate(each.when, context)} THEN {number}"
        for number, each in enumerate(lifecycle.transitions)
    ]
    sql = load_sql("lifecycle", "choose_transitions").replace("WHEN false THEN 0", "\n".join(whens))
    sql = sql.replace("happened AS (SELECT)", context.happened_to_each((), until=context.at))
    sql = sql.replace("0 AS counts", ", ".join(context.counts) or "0 AS counts")
    rows = fetch_all(
        sql,
        {
            **context.parameters,
            **_rungs(lifecycle),
            "workspace": batch.workspace_id,
            "leads": list(lead_ids),
            "at": batch.at,
        },
    )
    return {row["lead_id"]: row["transition"] for row in rows}


def _change_stages(
    workspace_id: int, lifecycle: Lifecycle, moves: Sequence[Move], choices: Mapping[int, int], at: datetime
) -> list[Change]:
    """Write {lead id: number of its move}; leads that already stand there are passed over."""
    if not choices:
        return []
    rows = fetch_all(
        load_sql("lifecycle", "change_stages"),
        {
            "workspace": workspace_id,
            "at": at,
            "leads": list(choices),
            "moves": [number + 1 for number in choices.values()],
            "to_stages": [move.to_stage for move in moves],
            "by": [move.by for move in moves],
            "reasons": [move.reason for move in moves],
            "heads": [json.dumps(move.head) for move in moves],
            "ladder": lifecycle.ladder,
        },
    )
    return [Change(**row) for row in rows]


def _head(version: LifecycleVersion, **more: Any) -> dict[str, Any]:
    return {"lifecycle": version.key, "version": version.version, **more}


def _event(change: Change, *, by: str, at: datetime, **more: Any) -> NewEvent:
    return NewEvent(
        kind="stage",
        name="stage_changed",
        message_id=f"stage_change:{change.id}",
        occurred_at=at,
        lead_id=change.lead_id,
        by=by,
        properties={
            "from": change.from_stage,
            "to": change.to_stage,
            "guard": change.guard,
            "cycle": change.cycle,
            "change": change.id,
            **more,
        },
    )


def _rungs(lifecycle: Lifecycle) -> dict[str, Any]:
    """Parameters `stages` and `rungs`: each stage's place on the ladder from 1, 0 for those aside."""
    ladder = lifecycle.ladder
    return {
        "stages": lifecycle.stage_keys,
        "rungs": [ladder.index(key) + 1 if key in ladder else 0 for key in lifecycle.stage_keys],
    }


def _time_zone(workspace_id: int) -> str:
    return Workspace.objects.values_list("time_zone", flat=True).get(id=workspace_id)


def move_lead(
    *, workspace_id: int, lead_id: int, to_stage: str, by: User, at: datetime, reason: str = ""
) -> StageChange | None:
    """A user puts a lead into a stage; None where it stands there already.

    Back to an earlier stage, or back from aside, begins a new cycle and needs a reason. No guard undoes the
    move before the person acts again (docs/reference/lifecycle.md). Raises StageError.
    """
    with workspace_scope(workspace_id):
        version = LifecycleVersion.in_force(workspace_id)
        if version is None:
            raise StageError("There is no lifecycle yet.\nhint: publish one first")
        lifecycle = read_lifecycle(version.body)
        if to_stage not in lifecycle.stage_keys:
            raise StageError(f"No stage `{to_stage}`.\nhint: known: {', '.join(lifecycle.stage_keys)}")
        lock_leads(workspace_id=workspace_id, lead_ids=[lead_id])
        state = LeadState.objects.filter(workspace_id=workspace_id, lead_id=lead_id).first()
        if state is None:
            raise StageError("There is no such lead.")
        if is_back(lifecycle, state.stage, to_stage) and not reason.strip():
            raise StageError("A lead goes back for a reason.\nhint: say why")
        move = Move(to_stage, f"user:{by.id}", reason.strip(), _head(version))
        changes = _change_stages(workspace_id, lifecycle, [move], {lead_id: 0}, at)
        record_events(
            workspace_id=workspace_id,
            events=[_event(each, by="staff", at=at, user=by.id, reason=reason.strip()) for each in changes],
            received_at=at,
        )
        return StageChange.objects.get(id=changes[0].id) if changes else None


def is_back(lifecycle: Lifecycle, from_stage: str, to_stage: str) -> bool:
    """To an earlier stage, or from aside back to the ladder."""
    ladder = lifecycle.ladder
    if to_stage not in ladder:
        return False
    return from_stage not in ladder or ladder.index(to_stage) < ladder.index(from_stage)


def rebuild(workspace_id: int) -> int:
    """Write every lead's stage again from its recorded changes; returns how many differed."""
    with workspace_scope(workspace_id):
        return execute(load_sql("lifecycle", "rebuild_stages"), {"workspace": workspace_id, "start": START})


def stages_for(lead: Lead, *, language: str = "") -> list[dict[str, str]]:
    """[{key, label, state}] of the ladder, for a screen: state is done, current or todo.

    For a lead aside nothing is current, and done is what it had reached; `aside_label` names where it is.
    """
    version = LifecycleVersion.in_force(lead.workspace_id)
    if version is None:
        return []
    lifecycle = read_lifecycle(version.body)
    ladder = lifecycle.ladder
    stage = lead.state.stage
    done = ladder.index(stage) if stage in ladder else _furthest(lead, ladder) + 1
    states = dict.fromkeys(ladder[:done], "done") | {stage: "current"}
    return [
        {"key": each.key, "label": each.label_in(language), "state": states.get(each.key, "todo")}
        for each in lifecycle.stages
        if not each.is_aside
    ]


def _furthest(lead: Lead, ladder: Sequence[str]) -> int:
    """The highest place on the ladder in the lead's present cycle."""
    changes = lead.stage_changes.filter(workspace_id=lead.workspace_id, cycle=lead.state.cycle)
    stages = {START, *changes.order_by("ordinal").values_list("to_stage", flat=True)}
    return max(ladder.index(stage) for stage in stages if stage in ladder)


def aside_label(lead: Lead, *, language: str = "") -> str:
    """The name of the stage a lead stands in, where that is beside the ladder; else empty."""
    version = LifecycleVersion.in_force(lead.workspace_id)
    stages = read_lifecycle(version.body).stages if version else ()
    return next((s.label_in(language) for s in stages if s.is_aside and s.key == lead.state.stage), "")


def count_by_stage(workspace_id: int, *, language: str = "") -> list[dict[str, Any]]:
    """[{key, label, now, reached, is_aside}] in the document's order, for a funnel.

    `now`: leads that stand there. `reached`: those that ever stood there or further on; aside: ever there.
    """
    with workspace_scope(workspace_id):
        version = LifecycleVersion.in_force(workspace_id)
        if version is None:
            return []
        lifecycle = read_lifecycle(version.body)
        rows = fetch_all(load_sql("lifecycle", "count_by_stage"), {"workspace": workspace_id, **_rungs(lifecycle)})
    stages = {stage.key: stage for stage in lifecycle.stages}
    return [
        {**row, "label": stages[row["key"]].label_in(language), "is_aside": stages[row["key"]].is_aside} for row in rows
    ]
