"""Walking enrolments through the graph of their workflow, as sets.

Enrolments that stand at one node move on as a group. Steps and branches take no time, so a group walks until
it reaches a wait or an exit, and only there its rows are written: once each, however long the way.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from cultiva.criteria.language import Context, compile_predicate
from cultiva.events.actions import NewEvent
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.plugins import plugin
from cultiva.nurture.document import Branch, Exit, Step, Wait, Workflow
from cultiva.nurture.steps.base import Standing
from cultiva.segments.standing import personas_of

log = logging.getLogger(__name__)

RETRY_STEP = timedelta(minutes=10)
FINISHED = "finished"  # `exit_reason` of those who reached an exit


@dataclass(frozen=True)
class Run:
    """One version of one workflow, moved on at one instant."""

    workspace_id: int
    workflow: Workflow
    version_id: int
    version: int
    timezone: str
    at: datetime


@dataclass(frozen=True)
class Group:
    """Enrolments that stand at one node; `passed` lies behind them in this run; `leads[i]` walks `ids[i]`."""

    ids: list[int]
    leads: list[int]
    node: str
    passed: tuple[str, ...] = ()

    def go_on(self, node: str) -> "Group":
        return replace(self, node=node, passed=(*self.passed, self.node))

    def only(self, ids: Sequence[int]) -> "Group":
        wanted = set(ids)
        pairs = [(each, lead) for each, lead in zip(self.ids, self.leads, strict=True) if each in wanted]
        return replace(self, ids=[each for each, _ in pairs], leads=[lead for _, lead in pairs])


def walk(run: Run, group: Group) -> list[NewEvent]:
    """Take a group as far as it goes now, write where it rests, and return the events that tell of it."""
    events = []
    walking = [group]
    while walking:
        group = walking.pop()
        node = run.workflow.nodes[group.node]
        match node:
            case Step() if _act(run, group, node):
                walking.append(group.go_on(node.next))
            case Step():
                events += _rest(run, group, "workflow_advanced", due_at=run.at + RETRY_STEP)
            case Branch():
                walking += _split(run, group, node)
            case Wait():
                due_at = run.at + timedelta(seconds=node.seconds)
                events += _rest(run, group, "workflow_advanced", due_at=due_at)
            case Exit():
                events += _rest(run, group, "workflow_finished", exited_at=run.at)
    return events


def _act(run: Run, group: Group, step: Step) -> bool:
    """Whether the step succeeded. One that fails holds up its own group, and nobody else's events."""
    standing = Standing(
        workspace_id=run.workspace_id,
        workflow=run.workflow.key,
        purpose=run.workflow.purpose,
        node=group.node,
        at=run.at,
        enrolment_ids=group.ids,
        lead_ids=group.leads,
    )
    try:
        with transaction.atomic():
            plugin("steps", step.kind)().run(standing, step.settings)
    except Exception:
        log.exception(
            "event=workflow.step_failed workspace=%d workflow=%s node=%s leads=%d",
            run.workspace_id,
            run.workflow.key,
            group.node,
            len(group.ids),
        )
        return False
    return True


def _split(run: Run, group: Group, branch: Branch) -> Iterator[Group]:
    """The group in parts, each at the next node of the first arm that holds for it."""
    context = Context(
        timezone=run.timezone, since=_instants(run.workflow, group), personas=personas_of(run.workspace_id)
    )
    whens = [f"WHEN {compile_predicate(arm.when, context)} THEN {n}" for n, arm in enumerate(branch.arms)]
    whens.append(f"ELSE {len(branch.arms)}")
    rows = fetch_all(
        load_sql("nurture", "split_branch").replace("WHEN false THEN 0", "\n".join(whens)),
        {**context.parameters, "workspace": run.workspace_id, "enrolments": group.ids, "at": run.at},
    )
    ways = [*(arm.next for arm in branch.arms), branch.otherwise]
    for number, way in enumerate(ways):
        ids = [row["id"] for row in rows if row["arm"] == number]
        if ids:
            yield group.only(ids).go_on(way)


def _instants(workflow: Workflow, group: Group) -> dict[str, str]:
    """What `since` may name, as SQL over enrolment `trip`. Nothing has happened since a node never passed."""
    trail = {node: f"coalesce((trip.trail ->> '{node}')::timestamptz, 'infinity')" for node in workflow.nodes}
    passed_just_now = dict.fromkeys((*group.passed, group.node), "%(at)s")
    return {"entry": "trip.entered_at", **trail, **passed_just_now}


def _rest(
    run: Run, group: Group, name: str, *, due_at: datetime | None = None, exited_at: datetime | None = None
) -> list[NewEvent]:
    passed = (*group.passed, group.node)
    execute(
        load_sql("nurture", "rest"),
        {
            "workspace": run.workspace_id,
            "enrolments": group.ids,
            "node": group.node,
            "at": run.at,
            "trail": json.dumps(dict.fromkeys(passed, run.at.isoformat())),
            "due_at": due_at,
            "exited_at": exited_at,
            "exit_reason": FINISHED if exited_at else "",
        },
    )
    return [
        event(run, name, each, lead, group.node, passed=passed)
        for each, lead in zip(group.ids, group.leads, strict=True)
    ]


def event(run: Run, name: str, enrolment: int, lead: int, node: str, **more: Any) -> NewEvent:
    return NewEvent(
        kind="workflow",
        name=name,
        message_id=f"{name}:{enrolment}:{node}:{run.at.isoformat()}",
        occurred_at=run.at,
        lead_id=lead,
        by="system",
        properties={
            "workflow": run.workflow.key,
            "version": run.version,
            "node": node,
            "enrolment": enrolment,
            **more,
        },
    )
