"""`cultiva score rehearse`: models on the past that two files tell, without a database."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from cultiva.criteria.documents import read_timezone
from cultiva.criteria.files import EVENT_KEYS, LEAD_KEYS, Connection, RowFile, engine, write_rows
from cultiva.criteria.offline import REJECTS, Files, Wanted, loaded, places_of
from cultiva.criteria.personas import Persona
from cultiva.scoring.bulk import BulkModel, compile_bulk_model
from cultiva.scoring.offline import read_model
from cultiva.scoring.rehearsal.history import CREATED, OWNER, History, people_of_files, read_history
from cultiva.scoring.rehearsal.plan import Plan, check_capacity, make_plan
from cultiva.scoring.rehearsal.report import make_report

OWN = {"created_at": CREATED, "owner": OWNER}


def rehearse_files(
    texts: Sequence[str],
    files: Files,
    *,
    first: date,
    last: date,
    horizon_days: int,
    capacity: float | None,
    goal: str,
    timezone: str,
    name: str,
    personas: Mapping[str, Persona] | None = None,
) -> dict[str, Any]:
    """The report of models (YAML or JSON; the first is the one in force) over weekly dates from `first` to `last`.

    Leads are there from their `created_at` on, or always where the file has no such column; `owner` is who takes a
    hand-over. Raises DocumentError, UnreadableFile, Refusal.
    """
    check_capacity(capacity)
    models = [read_model(text) for text in texts]
    zone = models[0].timezone or read_timezone(timezone or "UTC", "timezone")
    wanted_goal = goal or models[0].goal
    plan = make_plan(first=first, last=last, timezone=zone, horizon_days=horizon_days, goal=wanted_goal)
    rehearsed = []
    for model, text in zip(models, texts, strict=True):
        compiled = compile_bulk_model(model, timezone=zone, personas=personas)
        places: dict[str, str] = {}
        for number, rule in enumerate(model.rules):
            places |= places_of(rule.when, f"rules[{number}].when")
        rehearsed.append((model, text, _history(model, compiled, places, files, plan)))
    return make_report(plan, rehearsed, name=name, capacity=capacity)


def _history(model: Any, compiled: Any, places: Mapping[str, str], files: Files, plan: Plan) -> History:
    with opened(compiled, places, files, plan) as (connection, people):
        history = read_history(connection, model, compiled, plan, people=people)
        write_rows(connection, REJECTS, files.rejects)
        return history


@contextmanager
def opened(
    compiled: BulkModel, places: Mapping[str, str], files: Files, plan: Plan
) -> Iterator[tuple[Connection, str]]:
    """(an engine with all that a compiled model asks of the files, up to the end of the plan; SQL of the people)"""
    with engine() as connection:
        present = RowFile.open(connection, files.leads, "leads", LEAD_KEYS).columns
        RowFile.open(connection, files.events, "events", EVENT_KEYS)
    columns = {name: compiled.attributes.get(name, own) for name, own in OWN.items() if name in present}
    wanted = Wanted({**columns, **compiled.attributes}, compiled.properties, compiled.events | {plan.goal}, places)
    with loaded(files, wanted, plan.until) as (connection, _of_nobody):
        yield connection, people_of_files(columns)


def write_report(report: Mapping[str, Any], path: Path) -> None:
    """Whole, or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")
    part.replace(path)
