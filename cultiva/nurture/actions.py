"""Publishing workflows, letting leads in, and moving on those whose wait is over."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from cultiva.accounts.models import Workspace
from cultiva.consent.models import PurposeVersion
from cultiva.criteria.conditions.event import ANY
from cultiva.criteria.language import Context
from cultiva.criteria.references import references_of, save_references
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.batch import Batch
from cultiva.events.models import OWN_SOURCE
from cultiva.leads.models import Lead
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.documents import DocumentError, Mistakes, errors_of, nearest, read_document
from cultiva.lib.plugins import plugin
from cultiva.nurture.document import Entry, Step, Wait, Workflow, read_workflow
from cultiva.nurture.engine import Group, Run, event, walk
from cultiva.nurture.models import Enrolment, WorkflowVersion
from cultiva.segments.personas import closeness as personas
from cultiva.segments.refreshing import note_events
from cultiva.segments.standing import personas_of


@dataclass(frozen=True)
class NodeCount:
    """How many leads stand at a node of a workflow, and how many ended their trip there."""

    node: str
    inside: int
    finished: int


@dataclass(frozen=True)
class WorkflowCounts:
    """A workflow in force with the counts of its nodes in reading order, all versions together."""

    version: WorkflowVersion
    inside: int
    finished: int
    nodes: list[NodeCount]


def publish_workflow(*, workspace_id: int, text: str, at: datetime) -> WorkflowVersion:
    """Put a workflow in force; the same text again changes nothing. Raises DocumentError.

    Leads who are inside stay on the version they entered by.
    """
    body = read_document(text, name="workflow")
    workflow = read_workflow(body)
    with workspace_scope(workspace_id):
        mistakes = Mistakes()
        mistakes.of(_check_purpose, workspace_id, workflow.purpose)
        mistakes.of(_check_steps, workspace_id, workflow)
        mistakes.tell()
        refers = references_of([workflow.entry.when, *workflow.guards()])
        save_references(workspace_id=workspace_id, kind="workflow", key=workflow.key, refers=refers)
        return WorkflowVersion.publish(
            workspace_id=workspace_id,
            key=workflow.key,
            name=workflow.name,
            body=body,
            source_text=text,
            at=at,
        )


def _check_purpose(workspace_id: int, purpose: str) -> None:
    """Whose consent the messages need. System mails have none to ask for, and no workflow sends them."""
    known = [each.key for each in PurposeVersion.currents(workspace_id)]
    if purpose not in known:
        hint = nearest(purpose, known) if known else gettext("publish a purpose first")
        raise DocumentError("purpose", gettext("no purpose `%(purpose)s`") % {"purpose": purpose}, hint)


def _check_steps(workspace_id: int, workflow: Workflow) -> None:
    mistakes = Mistakes()
    for key, node in workflow.nodes.items():
        if isinstance(node, Step):
            form = plugin("steps", node.kind).Settings(
                node.settings, workspace_id=workspace_id, purpose=workflow.purpose
            )
            mistakes.errors += errors_of(form, f"nodes.{key}")
    mistakes.tell()


def advance(batch: Batch) -> None:
    """Step of `flow`: let leads in by the new events, and take them to their first wait or exit."""
    runs = _runs(batch.workspace_id, WorkflowVersion.currents(batch.workspace_id), batch.at)
    for run, lead_ids in _entering(batch, runs):
        group = _enter(run, lead_ids)
        if group.ids:
            batch.record([*_entered(run, group), *walk(run, group)])


def _entered(run: Run, group: Group) -> list[NewEvent]:
    pairs = zip(group.ids, group.leads, strict=True)
    return [event(run, "workflow_entered", each, lead, group.node) for each, lead in pairs]


def _entering(batch: Batch, runs: Sequence[Run]) -> list[tuple[Run, list[int]]]:
    """[(run, leads whose new events let them in)]"""
    names = {run.workflow.entry.when.event for run in runs}
    events = {
        each.id: each
        for each in batch.events
        if each.lead_id and (ANY in names or (each.name if each.kind == "track" else each.kind) in names)
    }
    if not events:
        return []
    context = Context(timezone=runs[0].timezone, personas=personas_of(runs[0].workspace_id))
    cases = []
    for number, run in enumerate(runs):
        context.timezone = run.timezone
        cases.append(f"CASE WHEN {_lets_in(run.workflow.entry, context)} THEN {number} END")
    rows = fetch_all(
        load_sql("nurture", "match_entries").replace("NULL::int", ",\n".join(cases), 1),
        {
            **context.parameters,
            "workspace": batch.workspace_id,
            "events": list(events),
            "earliest": min(each.occurred_at for each in events.values()),
        },
    )
    leads: defaultdict[int, set[int]] = defaultdict(set)
    for row in rows:
        for number in row["entries"]:
            leads[number].add(events[row["id"]].lead_id or 0)
    return [(runs[number], sorted(leads[number])) for number in sorted(leads)]


def _lets_in(entry: Entry, context: Context) -> str:
    """SQL over event `e`. Forms, magnets and stages count from our own records: sites cannot make them up."""
    own = f"e.source_id = {OWN_SOURCE}" if entry.kind != "event" else "e.actor <> 'machine'"
    return f"{own} AND {entry.when.matches(context)}"


def _enter(run: Run, lead_ids: list[int]) -> Group:
    rows = fetch_all(
        load_sql("nurture", "enter_leads"),
        {
            "workspace": run.workspace_id,
            "workflow": run.workflow.key,
            "version": run.version_id,
            "leads": lead_ids,
            "start": run.workflow.start,
            "reentry_seconds": run.workflow.entry.reentry_seconds,
            "at": run.at,
        },
    )
    return Group(ids=[row["id"] for row in rows], leads=[row["lead_id"] for row in rows], node=run.workflow.start)


def enrol_leads(*, workspace_id: int, workflow: str, lead_ids: Sequence[int], at: datetime) -> list[int]:
    """Let leads, which the caller holds, into a workflow by hand; returns those whom its rules let in: valid, not
    inside already, and not too soon again. Raises LookupError where there is no such workflow."""
    version = WorkflowVersion.current(workspace_id, workflow)
    if version is None:
        raise LookupError(f"There is no workflow `{workflow}`.\nhint: publish it first")
    run = _runs(workspace_id, [version], at)[0]
    group = _enter(run, list(lead_ids))
    if group.ids:
        events = [*_entered(run, group), *walk(run, group)]
        recorded = record_events(workspace_id=workspace_id, events=events, received_at=at, queue=False)
        note_events(workspace_id=workspace_id, events=recorded, at=at)
        personas.note_events(workspace_id=workspace_id, events=recorded, at=at)
    return group.leads


def advance_due(*, workspace_id: int, at: datetime, limit: int = 2000) -> int:
    """Take a batch of enrolments whose wait is over to their next wait or exit; returns how many there were.

    Workers share the work: each claims rows that no other holds. A wait begins when its node is reached, so a
    worker that comes late makes the next wait end later, never shorter.
    """
    with workspace_scope(workspace_id):
        rows = fetch_all(load_sql("nurture", "claim_due"), {"workspace": workspace_id, "at": at, "limit": limit})
        groups: defaultdict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            groups[row["version_id"], row["node"]].append(row)
        versions = WorkflowVersion.objects.filter(workspace_id=workspace_id, id__in={key for key, _ in groups})
        runs = {run.version_id: run for run in _runs(workspace_id, versions, at)}
        events: list[NewEvent] = []
        for (version_id, key), members in sorted(groups.items()):
            node = runs[version_id].workflow.nodes[key]
            group = Group(
                ids=[row["id"] for row in members],
                leads=[row["lead_id"] for row in members],
                node=node.next if isinstance(node, Wait) else key,  # a step that failed is tried again
            )
            events += walk(runs[version_id], group)
        recorded = record_events(workspace_id=workspace_id, events=events, received_at=at, queue=False)
        note_events(workspace_id=workspace_id, events=recorded, at=at)
        personas.note_events(workspace_id=workspace_id, events=recorded, at=at)
    return len(rows)


def _runs(workspace_id: int, versions: Iterable[WorkflowVersion], at: datetime) -> list[Run]:
    zone = Workspace.objects.values_list("time_zone", flat=True).get(id=workspace_id)
    read = [(version, read_workflow(version.body)) for version in versions]
    return [
        Run(workspace_id, workflow, version.id, version.version, workflow.timezone or zone, at)
        for version, workflow in read
    ]


def count_workflows(workspace_id: int) -> list[WorkflowCounts]:
    """Every workflow in force with who is inside and who finished, node by node; by key."""
    with workspace_scope(workspace_id):
        versions = list(WorkflowVersion.currents(workspace_id))
        rows = fetch_all(load_sql("nurture", "count_by_node"), {"workspace": workspace_id})
    counts = {(row["workflow"], row["node"]): row for row in rows}
    return [_counts(version, counts) for version in versions]


def _counts(version: WorkflowVersion, counts: dict[tuple[str, str], dict[str, Any]]) -> WorkflowCounts:
    own = {node: row for (workflow, node), row in counts.items() if workflow == version.key}
    present = read_workflow(version.body).nodes
    order = [*present, *(node for node in own if node not in present)]
    nodes = [NodeCount(n, own[n]["inside"], own[n]["finished"]) if n in own else NodeCount(n, 0, 0) for n in order]
    return WorkflowCounts(
        version=version,
        inside=sum(n.inside for n in nodes),
        finished=sum(n.finished for n in nodes),
        nodes=nodes,
    )


def enrolments_of(lead: Lead) -> list[Enrolment]:
    """A lead's trips with their versions, newest first."""
    trips = Enrolment.objects.filter(workspace_id=lead.workspace_id, lead=lead).select_related("version")
    return list(trips.order_by("-entered_at", "-id"))
