"""How close leads are to the personas: judged as a set, and kept as each lead's main persona.

Closeness is Σ weight of the criteria that hold / Σ weight, from 0 to 1. The main persona is the closest, from 0.5 on;
of two that are equally close the one that stands first. The runner-up is the next one of which anything holds.
Confidence is the lead of the first over the second: closeness of the main persona less that of the runner-up, or less 0
where there is none. So 0 is a tie and 1 means that everything speaks for one and nothing for any other.

Only who may be profiled has a persona: a valid lead with a basis who did not object.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any

from cultiva.accounts.models import Workspace
from cultiva.criteria.context import Context
from cultiva.criteria.language import reads_of
from cultiva.criteria.personas import Persona
from cultiva.events.actions import SKEW, LedgerEvent, NewEvent
from cultiva.events.batch import Batch
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.segments.compile import Wanted, judge
from cultiva.segments.inputs import EVERYTHING, changed_by, inputs_of
from cultiva.segments.persona_models import LeadPersona, PersonaBuild, PersonaDue
from cultiva.segments.standing import Standing, standings

CLOSE_ENOUGH = 0.5
STATES = ("score", "temperature", "stage", "owner")  # kinds of conditions that later steps of `flow` write
TOLD = ("attribute:", "event:", "consent", "mark")  # inputs whose changes come as events of a batch
ALWAYS = frozenset({EVERYTHING, "consent", "mark"})  # who may be profiled


@dataclass(frozen=True)
class Closeness:
    """CTEs up to `held`, to stand between WITH and a statement, and the values they need.

    held: lead_id, numbers (of the criteria that hold, counted from 1 through all personas), next_at. `rows` are the
    VALUES of each persona over alias h: (key, place, closeness, the criteria that hold).
    """

    steps: str
    rows: str
    parameters: dict[str, Any]


def judge_closeness(personas: Sequence[Standing], *, timezone: str, with_edges: bool = True) -> Closeness:
    """Each criterion is judged as a segment is, in the one pass over the events of the leads."""
    return _compiled(tuple(personas), timezone, with_edges)


@lru_cache(maxsize=256)
def _compiled(personas: tuple[Standing, ...], timezone: str, with_edges: bool) -> Closeness:
    trees = [when for each in personas for when, _weight in each.persona.criteria]
    wanted = [Wanted(number, when, takes_only_valid=False) for number, when in enumerate(trees, 1)]
    judging = judge(wanted, timezone=timezone, with_edges=with_edges)
    held = """held AS MATERIALIZED (
  SELECT j.lead_id, coalesce(array_agg(j.segment_id) FILTER (WHERE j.holds), '{}') AS numbers, min(j.next_at) AS next_at
    FROM judged j GROUP BY j.lead_id)"""
    context = Context(parameters=judging.parameters)
    rows, names = [], (f"({each.id} = ANY (h.numbers))" for each in wanted)
    for place, standing in enumerate(personas):
        holds = list(islice(names, len(standing.persona.criteria)))
        closeness = standing.persona.closeness_where(holds, context)
        held_ones = ", ".join(f"CASE WHEN {each} THEN {n} END" for n, each in enumerate(holds, 1))
        key = f"{context.bind(standing.key)}::text"
        rows.append(f"({key}, {place}, {closeness}, array_remove(ARRAY[{held_ones}], NULL))")
    return Closeness(f"{judging.steps},\n{held}", ",\n    ".join(rows), context.parameters)


# Keeping each lead's main persona.


def refresh(batch: Batch) -> None:
    """Step of `flow`: the personas of leads of whom something changed that personas read, or for whom an instant has
    come."""
    personas = standings(batch.workspace_id)
    if personas:
        _refresh(batch, personas, _concerned(batch, personas))
    elif _is_anybody_close(batch.workspace_id):
        _refresh(batch, personas, batch.lead_ids)
    batch.known_to_personas = len(batch.events)


def refresh_states(batch: Batch) -> None:
    """The same behind scores, stages and owners, where a persona asks for those."""
    personas = standings(batch.workspace_id)
    if any(reads_states(each.persona) for each in personas):
        _refresh(batch, personas, batch.lead_ids)
        batch.known_to_personas = len(batch.events)


def put_off(batch: Batch) -> None:
    """Step of `flow`, the last: what was written behind the others is due at once, in a batch of its own."""
    note_events(workspace_id=batch.workspace_id, events=batch.events[batch.known_to_personas :], at=batch.at)


def note_events(*, workspace_id: int, events: Sequence[LedgerEvent], at: datetime) -> None:
    """Of events that do not come to `refresh`: leads of whom they change what personas read are due at once."""
    inputs = inputs_read(standings(workspace_id)) if events else frozenset()
    leads = {event.lead_id for event in events if event.lead_id and not inputs.isdisjoint(changed_by(event))}
    if leads:
        parameters = {"workspace": workspace_id, "leads": sorted(leads), "at": at}
        execute(load_sql("segments", "let_personas_wait"), parameters)


def inputs_read(personas: Sequence[Standing]) -> frozenset[str]:
    """What the personas read, in the words of inputs.py."""
    return frozenset[str]().union(*(_inputs(each) for each in personas))


@lru_cache(maxsize=1024)
def _inputs(standing: Standing) -> frozenset[str]:
    return frozenset[str]().union(*(inputs_of(reads_of(when)) for when, _weight in standing.persona.criteria))


def _concerned(batch: Batch, personas: Sequence[Standing]) -> list[int]:
    """Attributes, events and consents tell when they change; of anything else every lead is asked."""
    inputs = inputs_read(personas)
    if any(not word.startswith(TOLD) for word in inputs) or _is_building(batch.workspace_id):
        return batch.lead_ids
    changed, since = set[int](), dict[int, datetime]()
    for event in batch.events:
        if event.lead_id is not None:
            received_at = event.received_at or batch.at
            since[event.lead_id] = min(received_at, since.get(event.lead_id, received_at))
            if not (inputs | ALWAYS).isdisjoint(changed_by(event)):
                changed.add(event.lead_id)
    if not batch.is_due:
        changed |= set(batch.lead_ids) - since.keys()  # somebody touched them
    rest = [lead_id for lead_id in batch.lead_ids if lead_id not in changed]
    parameters = {
        "workspace": batch.workspace_id, "leads": rest, "since": [since.get(each) for each in rest], "at": batch.at,
    }  # fmt: skip
    changed |= {row["lead_id"] for row in fetch_all(load_sql("segments", "leads_to_judge"), parameters)}
    return [lead_id for lead_id in batch.lead_ids if lead_id in changed]


def _is_building(workspace_id: int) -> bool:
    return PersonaBuild.objects.filter(workspace_id=workspace_id, done_at=None).exists()


def reads_states(persona: Persona) -> bool:
    facts = frozenset[str]().union(*(reads_of(when).facts for when, _weight in persona.criteria))
    return any(fact.partition(":")[0] in STATES for fact in facts)


def _refresh(batch: Batch, personas: Sequence[Standing], lead_ids: Sequence[int]) -> None:
    if lead_ids:
        batch.record(place_leads(
            workspace_id=batch.workspace_id, lead_ids=lead_ids, personas=personas, at=batch.at
        ))  # fmt: skip


def _is_anybody_close(workspace_id: int) -> bool:
    return LeadPersona.objects.filter(workspace_id=workspace_id, persona__isnull=False).exists()


def place_leads(
    *, workspace_id: int, lead_ids: Sequence[int], personas: Sequence[Standing], at: datetime, cause: str = ""
) -> list[NewEvent]:
    """Write the main personas of leads that the transaction holds: only differences. Returns what the ledger is to
    keep: an event for each lead whose main persona changed, with its evidence."""
    zone = Workspace.objects.values_list("time_zone", flat=True).get(id=workspace_id)
    asked = "1" * sum(len(each.persona.criteria) for each in personas)
    judged = judge_closeness(personas, timezone=zone) if personas else NOBODY
    rows = fetch_all(
        f"WITH {judged.steps}, {load_sql('segments', 'write_personas').replace('(0, 0, 0, NULL)', judged.rows)}",
        {
            **judged.parameters,
            "workspace": workspace_id,
            "at": at,
            "until": at + SKEW,  # the ledger holds no event from further ahead
            "leads": list(lead_ids),
            "asked": [asked] * len(lead_ids),
            "close_enough": CLOSE_ENOUGH,
        },
    )
    revisions = {each.key: each.revision for each in personas}
    return [_event(row, revisions.get(row["persona"]), at, cause) for row in rows]


NOBODY = Closeness(
    "held AS (SELECT NULL::bigint AS lead_id, NULL::timestamptz AS next_at WHERE false)",
    "(NULL::text, 0, 0::float8, NULL::int[])",
    {},
)


def _event(row: Mapping[str, Any], revision: int | None, at: datetime, cause: str) -> NewEvent:
    """`persona` is null where none is close enough any more; `holds` counts the criteria of `revision` from 1."""
    return NewEvent(
        kind="segment",
        name="persona_changed",
        message_id=f"persona:{row['lead_id']}:{row['ordinal']}",
        occurred_at=at,
        lead_id=row["lead_id"],
        by="system",
        properties={
            "persona": row["persona"],
            "revision": revision,
            "from": row["before"],
            "closeness": row["closeness"],
            "confidence": row["confidence"],
            "runner_up": row["runner_up"],
            "holds": row["holds"],
            **({"cause": cause} if cause else {}),
        },
    )


def due_leads(*, workspace_id: int, at: datetime, limit: int, without: Sequence[int] = ()) -> list[int]:
    """Leads whose persona time alone may have changed by `at`, ascending; the longest overdue first if more."""
    due = PersonaDue.objects.filter(workspace_id=workspace_id, due_at__lte=at).exclude(lead_id__in=without)
    return sorted(due.order_by("due_at", "lead_id").values_list("lead_id", flat=True)[:limit])
