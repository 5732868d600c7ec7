"""What a model said of each lead on each date, from the tables of criteria.bulk: of files, or of a workspace."""

# ruff: noqa: S608 (statements are made of our own fragments; values are bound)

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from cultiva.criteria.files import Connection
from cultiva.scoring.bulk import BulkModel
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.rehearsal.plan import Plan

BANDS = ("cold", "warm", "hot")
CREATED = "rehearsed_created_at"  # columns of `lead`, where the leads have such an attribute
OWNER = "rehearsed_owner"

Json = dict[str, Any]


@dataclass(frozen=True)
class History:
    """`scores` and `bands` (place in BANDS, -1: none): leads × dates. NaN: not there yet, or converted before."""

    lead_ids: tuple[Any, ...]  # texts of files, numbers of a workspace
    owners: tuple[str, ...]
    converted_at: npt.NDArray[np.float64]  # seconds since 1970, NaN: never within what was read
    scores: npt.NDArray[np.float64]
    bands: npt.NDArray[np.int8]
    rules: tuple[Json, ...]


def read_history(
    connection: Connection,
    model: ScoringModel,
    compiled: BulkModel,
    plan: Plan,
    *,
    people: str,
    stand_at: Callable[[datetime], object] = lambda _: None,
    tell: Callable[[int], object] = lambda _: None,
) -> History:
    """Each date is asked with what happened up to it.

    `people`: SQL of lead_id, created_at (NULL: always there) and owner; `stand_at` makes table `lead` what it was at a
    date; `tell` hears how many dates are done.
    """
    prepare_subjects(connection, plan, people)
    numbered = connection.execute("SELECT lead_id, owner, epoch(converted_at) FROM subject ORDER BY n").fetchall()
    scores = np.full((len(numbered), len(plan.dates)), np.nan)
    bands = np.full(scores.shape, -1, dtype=np.int8)
    sums: list[npt.NDArray[np.float64]] = []
    for place, at in enumerate(plan.dates):
        stand_at(at)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE totalled AS {compiled.parts.sql}", compiled.parts.bound(at))
        found = connection.execute(
            "SELECT n, total, CASE temperature WHEN 'hot' THEN 2 WHEN 'warm' THEN 1 WHEN 'cold' THEN 0 ELSE -1 END"
            f" AS band FROM ({compiled.of_parts.sql}) JOIN subject USING (lead_id)"
            " WHERE (created_at IS NULL OR created_at <= $at) AND (converted_at IS NULL OR converted_at > $at)",
            compiled.of_parts.bound(at),
        ).fetchnumpy()
        scores[found["n"], place] = found["total"]
        bands[found["n"], place] = found["band"]
        sums.append(_sums_of_rules(connection, model, at, plan))
        tell(place + 1)
    return History(
        lead_ids=tuple(row[0] for row in numbered),
        owners=tuple(row[1] for row in numbered),
        converted_at=np.array([np.nan if row[2] is None else row[2] for row in numbered], dtype=np.float64),
        scores=scores,
        bands=bands,
        rules=_told(model, np.sum(sums, axis=0)),
    )


def people_of_files(columns: Mapping[str, str]) -> str:
    """`columns`: {created_at | owner: column of `lead`}"""
    created = f"TRY_CAST(l.{columns['created_at']} AS TIMESTAMPTZ)" if "created_at" in columns else "NULL::TIMESTAMPTZ"
    owner = f"coalesce(l.{columns['owner']}::VARCHAR, '')" if "owner" in columns else "''"
    return f"SELECT l.lead_id, {created} AS created_at, {owner} AS owner FROM lead l"


def prepare_subjects(connection: Connection, plan: Plan, people: str) -> None:
    """Table `subject`: who is asked about, numbered by lead_id, and when each converted first."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE subject AS"
        " SELECT row_number() OVER (ORDER BY p.lead_id) - 1 AS n, p.*, g.converted_at"
        f" FROM ({people}) p LEFT JOIN"
        " (SELECT lead_id, min(occurred_at) AS converted_at FROM event WHERE name = $goal AND occurred_at <= $until"
        " GROUP BY lead_id) g USING (lead_id)",
        {"goal": plan.goal, "until": plan.until},
    )


def _sums_of_rules(connection: Connection, model: ScoringModel, at: datetime, plan: Plan) -> npt.NDArray[np.float64]:
    """[rule, (leads, converted, leads with points, converted with points, sum of points)]"""
    figures = ", ".join(
        f"count(*) FILTER (points_{n} <> 0), count(*) FILTER (points_{n} <> 0 AND hit), coalesce(sum(points_{n}), 0)"
        for n in range(len(model.rules))
    )
    row = connection.execute(
        f"SELECT count(*), count(*) FILTER (hit), {figures} FROM (SELECT p.*, coalesce(s.converted_at <= $end, false)"
        f" AS hit FROM totalled p JOIN subject s USING (lead_id)"
        " WHERE (s.created_at IS NULL OR s.created_at <= $at) AND (s.converted_at IS NULL OR s.converted_at > $at))",
        {"at": at, "end": at + plan.horizon},
    ).fetchall()[0]
    return np.array([[*row[:2], *row[2 + 3 * n : 5 + 3 * n]] for n in range(len(model.rules))], dtype=np.float64)


def _told(model: ScoringModel, sums: npt.NDArray[np.float64]) -> tuple[Json, ...]:
    """Rule by rule, over all leads and dates; a rule is dead where it gave nobody a point on any date."""
    return tuple(
        {
            "rule": rule.key, "dimension": rule.dimension, "side": rule.side, "points": rule.points,
            "with_points": int(given), "is_dead": not given, "mean_points": _share(points, leads),
            "rate_with": _share(hits_given, given), "rate_without": _share(hits - hits_given, leads - given),
        }
        for rule, (leads, hits, given, hits_given, points) in zip(model.rules, sums.tolist(), strict=True)
    )  # fmt: skip


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
