"""One lead's scores as of many instants, and as they would be: one statement, the same steps as the live score."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cultiva.consent.history import profiled_as_of
from cultiva.leads.history import attributes_as_of
from cultiva.lib.database import fetch_all
from cultiva.lib.folding import folded_where_different
from cultiva.scoring.compile import CompiledModel, compile_model
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion
from cultiva.segments.standing import personas_of

Json = dict[str, Any]

LIVED = """lived AS (
  SELECT workspace_id, lead_id, id, kind, name, occurred_at, received_at, actor, properties, folded FROM ledger
  UNION ALL
  SELECT %(workspace)s::bigint, %(lead)s::bigint, -m.number, m.kind, m.name, asked.at, asked.at, 'human',
         m.properties, m.folded
    FROM jsonb_to_recordset(asked.acts) AS m(number bigint, kind text, name text, properties jsonb, folded jsonb))"""
ASKED = """WITH ledger AS MATERIALIZED (
  SELECT * FROM lead_event e
   WHERE e.workspace_id = %(workspace)s AND e.lead_id = %(lead)s AND e.actor <> 'machine'
     AND e.occurred_at <= %(latest)s
), asked AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%(asked)s::jsonb) AS asked(
    number int, at timestamptz, attributes jsonb, folded jsonb, acts jsonb))"""


@dataclass(frozen=True)
class SupposedAct:
    """An event as if it happened at the instant that is asked for; `event` is the name a condition gives it."""

    event: str
    properties: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Supposition:
    """An instant; what the lead would have told besides, and what they would do then."""

    at: datetime
    told: Json = field(default_factory=dict)
    acts: tuple[SupposedAct, ...] = ()


@dataclass(frozen=True)
class LeadUnder:
    """A lead under a version of a model: what the questions about their score share."""

    workspace_id: int
    lead_id: int
    version: ModelVersion
    model: ScoringModel
    compiled: CompiledModel

    @classmethod
    def of(cls, *, workspace_id: int, lead_id: int, version: ModelVersion) -> "LeadUnder":
        model = ScoringModel.read(version.body)
        zone = version.workspace.time_zone
        compiled = compile_model(model, timezone=zone, personas=personas_of(workspace_id), is_supposed=True)
        return cls(workspace_id, lead_id, version, model, compiled)

    def rows(self, suppositions: Sequence[Supposition]) -> list[Json | None]:
        """Of each supposition the row of `totalled`, with shown_total, dimensions, grade and next_change_at.

        None where they could not be profiled at the instant. Attributes are those of then.
        """
        select = "s.*, c.total AS shown_total, c.dimensions, c.grade, c.next_change_at"
        found = self._ask(suppositions, select, "totalled s JOIN computed c ON c.lead_id = s.lead_id")
        by_number = {row["number"]: row for row in found}
        return [by_number.get(number) for number in range(len(suppositions))]

    def evidence(self, at: datetime) -> list[Json]:
        """rule, id, name, occurred_at, weight, properties and count of each rule's latest events, latest first."""
        if not self.compiled.evidence:
            return []
        name = "CASE e.kind WHEN 'track' THEN e.name ELSE e.kind END"
        select = f"x.*, {name} AS name, e.properties"
        found = self._ask([Supposition(at)], select, "evidence x JOIN lived e ON e.id = x.id", has_evidence=True)
        return sorted(found, key=lambda row: (row["rule"], -row["occurred_at"].timestamp(), -row["id"]))

    def _ask(
        self, suppositions: Sequence[Supposition], select: str, source: str, *, has_evidence: bool = False
    ) -> list[Json]:
        if not suppositions:
            return []
        steps = f"{LIVED}, {self.compiled.steps}"
        if has_evidence:
            steps += f", evidence AS ({self.compiled.evidence})"
        return fetch_all(
            f"{ASKED} SELECT asked.number, found.* FROM asked"  # noqa: S608
            f" CROSS JOIN LATERAL (WITH {steps} SELECT {select} FROM {source}) found",
            self._parameters(suppositions),
        )

    def _parameters(self, suppositions: Sequence[Supposition]) -> Json:
        instants = [each.at for each in suppositions]
        workspace_id, lead_id = self.workspace_id, self.lead_id
        known = attributes_as_of(workspace_id=workspace_id, lead_id=lead_id, instants=instants)
        profiled = profiled_as_of(workspace_id=workspace_id, lead_id=lead_id, instants=instants)
        rows = [
            _row(number, each, attributes)
            for number, (each, attributes, may) in enumerate(zip(suppositions, known, profiled, strict=True))
            if may
        ]
        return {
            **self.compiled.parameters,
            "workspace": self.workspace_id,
            "lead": self.lead_id,
            "leads": [self.lead_id],
            "latest": max(instants),
            "asked": json.dumps(rows),
        }


def _row(number: int, supposed: Supposition, attributes: Mapping[str, Any]) -> Json:
    attributes = {**attributes, **supposed.told}
    return {
        "number": number,
        "at": supposed.at.isoformat(),
        "attributes": attributes,
        "folded": folded_where_different(attributes) or None,
        "acts": [_act(place, act) for place, act in enumerate(supposed.acts, start=1)],
    }


def _act(number: int, act: SupposedAct) -> Json:
    is_kind = act.event in ("page", "screen")
    return {
        "number": number,
        "kind": act.event if is_kind else "track",
        "name": "" if is_kind else act.event,
        "properties": act.properties,
        "folded": folded_where_different(act.properties) or None,
    }
