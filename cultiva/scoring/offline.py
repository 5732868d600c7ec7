"""`cultiva score run`: the scores of leads in files or DataFrames, and why one of them is what it is, without a
database.
"""

# ruff: noqa: S608 (statements are made of our own fragments; values are bound)

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from cultiva.criteria.documents import read_timezone
from cultiva.criteria.files import EVENT_KEYS, LEAD_KEYS, Connection, RowFile, engine, write_rows
from cultiva.criteria.offline import REJECTS, Files, Outcome, Wanted, count_leads, load, loaded, places_of
from cultiva.criteria.personas import Persona
from cultiva.lib.documents import DocumentError, read_document
from cultiva.lib.refusals import Refusal
from cultiva.scoring.bulk import BulkModel, compile_bulk_model
from cultiva.scoring.explanation import cut_of
from cultiva.scoring.model import ScoringModel

if TYPE_CHECKING:
    import pandas

Json = dict[str, Any]

COLUMNS = ("lead_id", "total", "temperature", "grade")  # of the result; no dimension goes by these names


@dataclass(frozen=True)
class Scored:
    """What a run did. `explained`: the parts of one lead's score, where one was asked for."""

    outcome: Outcome
    explained: list[Json] | None


def read_model(text: str) -> ScoringModel:
    """A model from its YAML or JSON. Raises DocumentError."""
    model = ScoringModel.read(read_document(text, name="model"))
    for dimension in model.dimensions:
        if dimension.name.lower() in COLUMNS:
            problem = gettext("a column of the result is called `%(name)s`") % {"name": dimension.name}
            raise DocumentError(f"dimensions.{dimension.name}", problem, gettext("give it another name"))
    return model


def score_files(
    model: ScoringModel,
    files: Files,
    *,
    at: datetime,
    out: Path | None,
    timezone: str = "",
    personas: Mapping[str, Persona] | None = None,
    explain: str = "",
) -> Scored:
    """Write lead_id, each dimension, total, temperature and grade to `out`, ordered by the bytes of lead_id.

    `timezone` serves a model that names none; without either it is UTC. `explain`: a lead_id. Raises DocumentError,
    UnreadableFile, or Refusal where the lead to explain is not in the file; before anything is written.
    """
    compiled, wanted = compiled_for_files(model, timezone, personas)
    with loaded(files, wanted, at) as (connection, of_nobody):
        scored = 0
        if out:
            connection.execute(f"CREATE TABLE scored AS {compiled.scores.sql}", compiled.scores.bound(at))
        explained = _explain(connection, model, compiled, explain, at) if explain else None
        leads = count_leads(connection)
        if out:
            scored = write_rows(connection, "FROM scored ORDER BY lead_id", out)
        rejected = write_rows(connection, REJECTS, files.rejects)
        return Scored(Outcome(leads, scored, of_nobody, rejected), explained)


def compiled_for_files(
    model: ScoringModel, timezone: str, personas: Mapping[str, Persona] | None
) -> tuple[BulkModel, Wanted]:
    """The statements, and what they ask of files. Raises DocumentError."""
    compiled = compile_bulk_model(model, timezone=read_timezone(timezone or "UTC", "timezone"), personas=personas)
    places: dict[str, str] = {}
    for number, rule in enumerate(model.rules):
        places |= places_of(rule.when, f"rules[{number}].when")
    return compiled, Wanted(compiled.attributes, compiled.properties, compiled.events, places)


def score_frames(
    model: ScoringModel,
    leads: Any,
    events: Any,
    *,
    at: datetime,
    multi: Collection[str] = (),
    timezone: str = "",
    personas: Mapping[str, Persona] | None = None,
) -> "tuple[pandas.DataFrame, pandas.DataFrame]":
    """(scores, rejects): as the files that `score_files` writes. `leads`, `events`: DataFrames of pandas or Polars, or
    Arrow tables, with the columns of files. Raises DocumentError or UnreadableFile.
    """
    compiled, wanted = compiled_for_files(model, timezone, personas)
    with engine() as connection:
        scored = score_rows(connection, compiled, wanted, leads, events, at=at, multi=multi)
        return connection.sql(f"FROM ({scored}) ORDER BY lead_id").df(), connection.sql(REJECTS).df()


def score_rows(
    connection: Connection,
    compiled: BulkModel,
    wanted: Wanted,
    leads: Any,
    events: Any,
    *,
    at: datetime,
    multi: Collection[str] = (),
) -> str:
    """Score rows that the engine can read; returns SQL of the scores. What cannot be taken is in table `reject`."""
    lead_rows = RowFile.of_rows(connection, leads, "leads", LEAD_KEYS)
    event_rows = RowFile.of_rows(connection, events, "events", EVENT_KEYS)
    load(connection, lead_rows, event_rows, wanted, at, multi)
    connection.execute(f"CREATE TABLE scored AS {compiled.scores.sql}", compiled.scores.bound(at))
    return "FROM scored"


def _explain(
    connection: Connection, model: ScoringModel, compiled: BulkModel, lead_id: str, at: datetime
) -> list[Json]:
    """[{rule, dimension, points, raw, after_rule_cap, events: [{occurred_at, weight}], next_change_at}, ..,
    {cap: dimension | total, name, cut}], not rounded: the parts of a dimension and its cut add up to it, the weighted
    dimensions and the cut of the total to the total. Only this lead is looked at.
    """
    of_lead = {"lead": lead_id}
    if not connection.execute("SELECT 1 FROM lead WHERE lead_id = $lead", of_lead).fetchall():
        raise Refusal(
            gettext("there is no lead `%(lead)s` in the file") % {"lead": lead_id}, gettext("give one of its lead_id")
        )
    # In a transaction that is rolled back: the tables are whole again.
    connection.execute("BEGIN")
    connection.execute("DELETE FROM event WHERE lead_id <> $lead", of_lead)
    connection.execute("DELETE FROM lead WHERE lead_id <> $lead", of_lead)
    found = connection.execute(compiled.parts.sql, compiled.parts.bound(at))
    row = dict(zip([each[0] for each in found.description], found.fetchall()[0], strict=True))
    events: dict[int, list[Json]] = {}
    if compiled.evidence:
        latest_first = "ORDER BY rule, occurred_at DESC, id DESC"
        listed = f"SELECT rule, occurred_at, weight FROM ({compiled.evidence.sql}) {latest_first}"
        for number, occurred_at, weight in connection.execute(listed, compiled.evidence.bound(at)).fetchall():
            events.setdefault(number, []).append({"occurred_at": _said(occurred_at), "weight": weight})
    connection.execute("ROLLBACK")
    return _parts(model, row, events)


def _parts(model: ScoringModel, row: Mapping[str, Any], events: Mapping[int, list[Json]]) -> list[Json]:
    parts: list[Json] = [
        {
            "rule": rule.key, "dimension": rule.dimension, "points": rule.points,
            "raw": row[f"raw_{n}"], "after_rule_cap": row[f"points_{n}"],
            "events": events.get(n, []), "next_change_at": _said(row[f"next_{n}"]),
        }
        for n, rule in enumerate(model.rules)
    ]  # fmt: skip
    for n, dimension in enumerate(model.dimensions):
        after = [row[f"points_{r}"] for r, rule in enumerate(model.rules) if rule.dimension == dimension.name]
        parts.append({"cap": "dimension", "name": dimension.name, "cut": cut_of(row[f"dimension_{n}"], after)})
    weighed = fsum(dimension.weight * row[f"dimension_{n}"] for n, dimension in enumerate(model.dimensions))
    return [*parts, {"cap": "total", "name": "total", "cut": cut_of(row["total"], [weighed])}]


def _said(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
