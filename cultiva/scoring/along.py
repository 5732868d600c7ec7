"""Many leads' scores, each as of instants of its own: one statement a version, the same steps as the live score."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cultiva.consent.history import profiled_along
from cultiva.leads.history import attributes_along
from cultiva.lib.database import fetch_all
from cultiva.lib.folding import folded_where_different
from cultiva.scoring.compile import compile_along
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion
from cultiva.segments.standing import personas_of

Json = dict[str, Any]
Moment = tuple[int, datetime]  # a lead, as of an instant


def scores_along(version: ModelVersion, instants: Mapping[int, Sequence[datetime]]) -> dict[Moment, float]:
    """{(lead, instant): shown total}; none where the lead could not be profiled then. Attributes are those of then."""
    return {moment: row["total"] for moment, row in _rows(version, instants).items()}


def _rows(version: ModelVersion, instants: Mapping[int, Sequence[datetime]]) -> dict[Moment, Json]:
    moments = profiled_moments(version.workspace_id, instants)
    return _worked_out(version, moments, _told(version.workspace_id, moments))


def _worked_out(version: ModelVersion, moments: Sequence[Moment], asked: Sequence[Json]) -> dict[Moment, Json]:
    model = ScoringModel.read(version.body)
    compiled = compile_along(model, timezone=version.workspace.time_zone, personas=personas_of(version.workspace_id))
    rows = fetch_all(
        f"WITH {compiled.steps} SELECT lead_id AS number, total, points, next_change_at FROM computed",  # noqa: S608
        {**compiled.parameters, "workspace": version.workspace_id, "asked": json.dumps(asked)},
    )
    return {moments[row["number"]]: row for row in rows}


def standings_along(version: ModelVersion, moments: Sequence[Moment]) -> dict[Moment, Json]:
    """{moment: total and next_change_at}, with what is known of the leads at present."""
    return _worked_out(version, moments, _numbered(moments))


def points_along(version: ModelVersion, instants: Mapping[int, Sequence[datetime]]) -> dict[Moment, list[float]]:
    """{(lead, instant): points of each rule, clamped}"""
    return {moment: row["points"] for moment, row in _rows(version, instants).items()}


def latest_events(version: ModelVersion, lead_ids: Sequence[int], at: datetime) -> dict[tuple[int, int], Json]:
    """{(lead, number of a rule): {id, name, occurred_at, received_at} of the latest event that counts for it}.

    As of an instant at which the leads are scored; what else is known of them has no part in it.
    """
    model = ScoringModel.read(version.body)
    compiled = compile_along(model, timezone=version.workspace.time_zone, personas=personas_of(version.workspace_id))
    if not compiled.evidence or not lead_ids:
        return {}
    moments = [(lead_id, at) for lead_id in lead_ids]
    rows = fetch_all(
        f"""WITH {compiled.steps}, evidence AS ({compiled.evidence}), latest AS (
              SELECT DISTINCT ON (h.lead_id, x.rule) h.lead_id AS number, x.rule, x.id
                FROM evidence x JOIN happened h ON h.id = x.id
               ORDER BY h.lead_id, x.rule, x.occurred_at DESC, x.id DESC)
            SELECT a.number, a.rule, e.id, CASE e.kind WHEN 'track' THEN e.name ELSE e.kind END AS name,
                   e.occurred_at, e.received_at
              FROM latest a JOIN event e ON e.workspace_id = %(workspace)s AND e.id = a.id""",  # noqa: S608
        {
            **compiled.parameters, "workspace": version.workspace_id,
            "asked": json.dumps(_numbered(moments)),
        },
    )  # fmt: skip
    return {(moments[row["number"]][0], row["rule"]): row for row in rows}


def profiled_moments(workspace_id: int, instants: Mapping[int, Sequence[datetime]]) -> list[Moment]:
    answers = profiled_along(workspace_id=workspace_id, instants=instants)
    return [
        (lead_id, at)
        for lead_id, asked in instants.items()
        for at, may in zip(asked, answers[lead_id], strict=True)
        if may
    ]


def _told(workspace_id: int, moments: Sequence[Moment]) -> list[Json]:
    """What the steps of `compile_along` are bound to, with what was known then."""
    instants: dict[int, list[datetime]] = {}
    for lead_id, at in moments:
        instants.setdefault(lead_id, []).append(at)
    known = attributes_along(workspace_id=workspace_id, instants=instants)
    rows = _numbered(moments)
    for row, moment in zip(rows, moments, strict=True):
        row["attributes"] = known.get(moment, {})
        row["folded"] = folded_where_different(row["attributes"]) or None
    return rows


def _numbered(moments: Sequence[Moment]) -> list[Json]:
    """The number of a row is the place of its moment."""
    return [
        {"number": number, "lead_id": lead_id, "at": at.isoformat()} for number, (lead_id, at) in enumerate(moments)
    ]
