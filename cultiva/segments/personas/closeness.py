"""How close leads are to the personas: judged as a set, and kept as each lead's main persona.

Closeness is Σ weight of the criteria that hold / Σ weight, from 0 to 1. The main persona is the closest, from 0.5 on;
of two that are equally close the one that stands first. The runner-up is the next one of which anything holds.
Confidence is the lead of the first over the second: closeness of the main persona less that of the runner-up, or less 0
where there is none. So 0 is a tie and 1 means that everything speaks for one and nothing for any other.

Only who may be profiled has a persona: a valid lead with a basis who did not object.
"""

# ruff: noqa: S608 (statements are built of our own fragments; every value is bound)

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from cultiva.accounts.models import Workspace
from cultiva.criteria.context import Context
from cultiva.criteria.language import reads_of
from cultiva.criteria.personas import Persona
from cultiva.events.actions import SKEW, NewEvent
from cultiva.events.batch import Batch
from cultiva.lib.database import fetch_all, load_sql
from cultiva.segments.compile import Wanted, judge
from cultiva.segments.persona_models import LeadPersona, PersonaDue
from cultiva.segments.standing import Standing, standings

CLOSE_ENOUGH = 0.5
STATES = ("score", "temperature", "stage", "owner")  # kinds of conditions that later steps of `flow` write


@dataclass(frozen=True)
class Closeness:
    """CTEs up to `held`, to stand between WITH and a statement, and the values they need.

    held: lead_id, c1, c2, .. (one a criterion, in the order of the personas), next_at. `rows` are the VALUES of each
    persona over alias h: (id, place, closeness, the criteria that hold).
    """

    steps: str
    rows: str
    parameters: dict[str, Any]


def judge_closeness(personas: Sequence[Standing], *, timezone: str, with_edges: bool = True) -> Closeness:
    """Each criterion is judged as a segment is, in the one pass over the events of the leads."""
    trees = [when for each in personas for when, _weight in each.persona.criteria]
    wanted = [Wanted(number, when, takes_only_valid=False) for number, when in enumerate(trees, 1)]
    judging = judge(wanted, timezone=timezone, with_edges=with_edges)
    columns = [f"coalesce(bool_or(j.holds) FILTER (WHERE j.segment_id = {n.id}), false) AS c{n.id}" for n in wanted]
    held = f"""held AS MATERIALIZED (
  SELECT j.lead_id, {", ".join(columns)}, min(j.next_at) AS next_at FROM judged j GROUP BY j.lead_id)"""
    context = Context(parameters=judging.parameters)
    rows, names = [], (f"h.c{each.id}" for each in wanted)
    for place, standing in enumerate(personas):
        holds = list(islice(names, len(standing.persona.criteria)))
        closeness = standing.persona.closeness_where(holds, context)
        held_ones = ", ".join(f"CASE WHEN {each} THEN {n} END" for n, each in enumerate(holds, 1))
        key = f"{context.bind(standing.key)}::text"
        rows.append(f"({key}, {place}, {closeness}, array_remove(ARRAY[{held_ones}], NULL))")
    return Closeness(f"{judging.steps},\n{held}", ",\n    ".join(rows), context.parameters)


# Keeping each lead's main persona.


def refresh(batch: Batch) -> None:
    """Step of `flow`: the personas of the leads to whom something happened, or for whom an instant has come."""
    _refresh(batch, standings(batch.workspace_id))


def refresh_states(batch: Batch) -> None:
    """The same behind scores, stages and owners, where a persona asks for those."""
    personas = standings(batch.workspace_id)
    if any(reads_states(each.persona) for each in personas):
        _refresh(batch, personas)


def reads_states(persona: Persona) -> bool:
    facts = frozenset[str]().union(*(reads_of(when).facts for when, _weight in persona.criteria))
    return any(fact.partition(":")[0] in STATES for fact in facts)


def _refresh(batch: Batch, personas: Sequence[Standing]) -> None:
    if batch.lead_ids and (personas or _is_anybody_close(batch.workspace_id)):
        batch.record(place_leads(
            workspace_id=batch.workspace_id, lead_ids=batch.lead_ids, personas=personas, at=batch.at
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
