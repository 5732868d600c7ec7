"""Keeping segments up to date: after each batch of events only those that read something that changed, and only for
the leads it changed for; by time, the leads for whom an instant has come.

Whoever refreshes holds the workspace's lock with the other workers; a build takes it alone for a moment
(building.py), so that nobody is left who does not know that it goes on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cultiva.accounts.models import Workspace
from cultiva.criteria.language import parse
from cultiva.criteria.personas import Persona
from cultiva.events.actions import SKEW, LedgerEvent, NewEvent, record_events
from cultiva.events.batch import Batch
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope
from cultiva.segments.compile import Judging, Wanted, judge
from cultiva.segments.inputs import EARLIER_STATES, EVERYTHING, changed_by, states_in
from cultiva.segments.models import DueBlock, Input, Segment
from cultiva.segments.standing import personas_of


@dataclass(frozen=True)
class Move:
    """A stay that began or ended; `id` is the stay's."""

    id: int
    segment: str
    segment_id: int
    lead_id: int
    is_entry: bool


Changes = dict[int, set[str]]  # {lead: the inputs that changed for it}, or EVERYTHING
Asked = dict[int, set[int]]  # {segment: leads}


def refresh(batch: Batch) -> None:
    """Step of `flow`: the segments that read no score, stage or the like."""
    if batch.is_due:
        _take_due(batch)
    if batch.lead_ids and _begin(batch.workspace_id):
        changes, batch.known_to_segments = _changes(batch), len(batch.events)
        _refresh(batch, changes, reads_states=False)


def refresh_states(batch: Batch) -> None:
    """Step of `flow`, behind scores and stages: the segments that read those; and whatever reads events that came in
    between."""
    if batch.lead_ids and _begin(batch.workspace_id):
        changes, new, states = _changes(batch), _changes_since(batch), _states(batch.workspace_id)
        batch.known_to_segments = len(batch.events)
        _refresh(batch, new, reads_states=False)
        for lead_id in batch.lead_ids:  # every lead of a batch was scored anew
            changes[lead_id] |= states | new[lead_id]
        _refresh(batch, changes, reads_states=True)
        known = {"workspace": batch.workspace_id, "leads": batch.lead_ids}
        execute(load_sql("segments", "note_known"), known)


def put_off(batch: Batch) -> None:
    """Step of `flow`, the last: what was written behind `refresh_states` is due at once, in a batch of its own."""
    if batch.lead_ids and Segment.objects.filter(workspace_id=batch.workspace_id).exists():
        late = _states(batch.workspace_id) - EARLIER_STATES
        changes = {lead_id: words | late for lead_id, words in _changes_since(batch).items() if words}
        _let_wait(changes, batch.workspace_id, batch.at)


def note_events(*, workspace_id: int, events: Sequence[LedgerEvent], at: datetime) -> None:
    """Of events that are recorded outside `flow` and do not come to it: segments that read them are due at once."""
    changes: Changes = {}
    for event in events:
        if event.lead_id is not None:
            changes.setdefault(event.lead_id, set()).update(changed_by(event))
    if changes and _begin(workspace_id):
        _let_wait(changes, workspace_id, at)


def _let_wait(changes: Changes, workspace_id: int, at: datetime) -> None:
    if not any(changes.values()):
        return
    leads, inputs = zip(
        *((lead_id, word) for lead_id, words in sorted(changes.items()) for word in sorted(words)), strict=True
    )
    parameters = {"workspace": workspace_id, "leads": list(leads), "inputs": list(inputs), "at": at}
    execute(load_sql("segments", "let_wait"), parameters)


def _take_due(batch: Batch) -> None:
    """What time alone brought the leads here for; the step behind scores and stages looks at it as well."""
    parameters = {"workspace": batch.workspace_id, "leads": batch.lead_ids, "at": batch.at}
    for row in fetch_all(load_sql("segments", "take_due"), parameters):
        batch.due_in_segments.setdefault(row["segment_id"], set()).update(row["leads"])


def _begin(workspace_id: int) -> bool:
    """Whether there is any segment. What is read behind the lock knows of every build."""
    execute("SELECT pg_advisory_xact_lock_shared(hashtextextended('segments', %s))", [workspace_id])
    return Segment.objects.filter(workspace_id=workspace_id).exists()


def _states(workspace_id: int) -> frozenset[str]:
    """What segments of the workspace read of what steps of `flow` write."""
    words = Input.objects.filter(workspace_id=workspace_id).exclude(input__contains=":").order_by("input")
    return states_in(words.values_list("input", flat=True).distinct())


def _changes(batch: Batch) -> Changes:
    changes: Changes = {lead_id: set() for lead_id in batch.lead_ids}
    earliest: dict[int, datetime] = {}
    for event in batch.events:
        if event.lead_id in changes:
            changes[event.lead_id] |= changed_by(event)
            at = event.received_at or batch.at
            earliest[event.lead_id] = min(at, earliest.get(event.lead_id, at))
    if not batch.is_due:
        for lead_id in changes.keys() - earliest.keys():  # somebody touched them
            changes[lead_id].add(EVERYTHING)
        parameters = {
            "workspace": batch.workspace_id, "leads": list(earliest), "since": list(earliest.values()),
        }  # fmt: skip
        for row in fetch_all(load_sql("segments", "leads_with_a_new_past"), parameters):
            changes[row["lead_id"]].add(EVERYTHING)
    return changes


def _changes_since(batch: Batch) -> Changes:
    """By events that were written since the step before this one looked."""
    changes: Changes = {lead_id: set() for lead_id in batch.lead_ids}
    for event in batch.events[batch.known_to_segments :]:
        if event.lead_id in changes:
            changes[event.lead_id] |= changed_by(event)
    return changes


def _refresh(batch: Batch, changes: Changes, *, reads_states: bool) -> None:
    """Level by level: a segment of segments reads what those below it have just become."""
    rows = _affected(batch, changes, reads_states=reads_states)
    while rows:
        level = min(row["level"] for row in rows)
        asked = _asked(changes, batch.due_in_segments, [row for row in rows if row["level"] == level])
        for segment_id in asked:
            batch.due_in_segments.pop(segment_id, None)
        moves = refresh_leads(workspace_id=batch.workspace_id, asked=asked, at=batch.at)
        batch.record([event_of(move, batch.at) for move in moves])
        for move in moves:
            changes[move.lead_id].add(f"segment:{move.segment}")
        rows = (
            [row for row in _affected(batch, changes, reads_states=reads_states) if row["level"] > level]
            if moves
            else [row for row in rows if row["level"] > level]
        )


def _affected(batch: Batch, changes: Changes, *, reads_states: bool) -> list[dict[str, Any]]:
    """{segment_id, level, inputs that changed} of the segments to be looked at."""
    parameters = {
        "workspace": batch.workspace_id,
        "reads_states": reads_states,
        "inputs": sorted(set().union(*changes.values())),
        "everything": any(EVERYTHING in each for each in changes.values()),
        "due": list(batch.due_in_segments),
    }
    return fetch_all(load_sql("segments", "affected"), parameters)


def _asked(changes: Changes, due: Mapping[int, set[int]], rows: Sequence[Mapping[str, Any]]) -> Asked:
    asked: Asked = {}
    for row in rows:
        inputs = {EVERYTHING, *row["inputs"]}
        asked[row["segment_id"]] = {
            lead_id for lead_id, changed in changes.items() if not inputs.isdisjoint(changed)
        } | due.get(row["segment_id"], set())
    return {segment_id: leads for segment_id, leads in asked.items() if leads}


def refresh_leads(*, workspace_id: int, asked: Mapping[int, Iterable[int]], at: datetime) -> list[Move]:
    """Judge {segment: leads}, of one level, and write the differences; the caller holds the leads and the lock.

    Of a segment that waits to be built the leads are only marked.
    """
    segments = list(Segment.objects.filter(workspace_id=workspace_id, id__in=asked).order_by("id"))
    building = {each.id for each in segments if each.wants_build}
    _mark({segment_id: asked[segment_id] for segment_id in building}, workspace_id, at)
    ready = [each for each in segments if not each.wants_build]
    if not ready:
        return []
    bits: dict[int, list[str]] = {}
    for number, segment in enumerate(ready):
        for lead_id in asked[segment.id]:
            bits.setdefault(lead_id, ["0"] * len(ready))[number] = "1"
    zone = Workspace.objects.values_list("time_zone", flat=True).get(id=workspace_id)
    personas = tuple(personas_of(workspace_id).values()) if any(each.reads_states for each in ready) else ()
    judging = _judging(tuple(_wanted(each) for each in ready), zone, personas)
    rows = fetch_all(
        f"WITH {judging.steps}, {load_sql('segments', 'write_members')}",
        {
            **judging.parameters,
            "workspace": workspace_id,
            "at": at,
            "until": at + SKEW,
            "zone": zone,
            "leads": sorted(bits),
            "segments": [each.id for each in ready],
            "asked": ["".join(bits[lead_id]) for lead_id in sorted(bits)],
        },
    )
    return [Move(**row) for row in rows]


def _mark(asked: Mapping[int, Iterable[int]], workspace_id: int, at: datetime) -> None:
    pairs = [(segment_id, lead_id) for segment_id, leads in asked.items() for lead_id in leads]
    if pairs:
        segments, leads = zip(*sorted(pairs), strict=True)
        parameters = {"workspace": workspace_id, "segments": list(segments), "leads": list(leads), "at": at}
        execute(load_sql("segments", "mark"), parameters)


@dataclass(frozen=True)
class _Compiled:
    """By id and revision: criteria that were edited are compiled anew."""

    id: int
    revision: int
    takes_only_valid: bool
    criteria: Any

    def __hash__(self) -> int:
        return hash((self.id, self.revision))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Compiled) and (self.id, self.revision, self.criteria) == (
            other.id, other.revision, other.criteria,
        )  # fmt: skip


def _wanted(segment: Segment) -> _Compiled:
    return _Compiled(segment.id, segment.revision, segment.takes_only_valid, segment.criteria)


@lru_cache(maxsize=256)
def _judging(segments: tuple[_Compiled, ...], zone: str, personas: tuple[Persona, ...]) -> Judging:
    wanted = [Wanted(each.id, parse(each.criteria), each.takes_only_valid) for each in segments]
    return judge(wanted, timezone=zone, personas={each.key: each for each in personas})


def wait_for_builds(workspace_id: int) -> None:
    """A build writes who met the criteria when it looked: nobody goes or becomes somebody else before it is done, and
    none begins until the end of the transaction."""
    for statement in ("wait_for_changes", "wait_for_builds"):
        execute(load_sql("segments", statement), {"workspace": workspace_id})


def drop_leads(*, workspace_id: int, lead_ids: Sequence[int], at: datetime) -> None:
    """Leads that are gone for good, whom the transaction holds, leave every segment; the ledger keeps when."""
    wait_for_builds(workspace_id)
    parameters = {"workspace": workspace_id, "leads": list(lead_ids), "at": at}
    moves = [Move(**row) for row in fetch_all(load_sql("segments", "drop_leads"), parameters)]
    events = [event_of(move, at, cause="gone") for move in moves]
    record_events(workspace_id=workspace_id, events=events, received_at=at, queue=False)


def event_of(move: Move, at: datetime, **more: Any) -> NewEvent:
    """What the ledger keeps of an entry or an exit. A stay is entered once and left once."""
    name = "entered" if move.is_entry else "left"
    return NewEvent(
        kind="segment",
        name=name,
        message_id=f"segment:{move.id}:{name}",
        occurred_at=at,
        lead_id=move.lead_id,
        by="system",
        properties={"segment": move.segment, **more},
    )


def unfold_due(*, workspace_id: int, at: datetime) -> None:
    """What builds found to be due by `at` is known to `due_leads` from now on. Nobody refreshes meanwhile."""
    with workspace_scope(workspace_id):
        if DueBlock.objects.filter(workspace_id=workspace_id, from_at__lte=at).exists():
            execute("SELECT pg_advisory_xact_lock(hashtextextended('segments', %s))", [workspace_id])
            execute(load_sql("segments", "unfold_due"), {"workspace": workspace_id, "at": at, "limit": 20})


def due_leads(*, workspace_id: int, at: datetime, limit: int, without: Sequence[int] = ()) -> list[int]:
    """Leads who by time alone may have entered or left a segment by `at`; the longest overdue first if more."""
    parameters = {"workspace": workspace_id, "at": at, "limit": limit, "without": list(without)}
    return sorted(row["lead_id"] for row in fetch_all(load_sql("segments", "due_leads"), parameters))
