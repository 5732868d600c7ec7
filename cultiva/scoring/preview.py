"""What a model that is not published would say now of a sample of leads: one statement, nothing is written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cultiva.accounts.models import Workspace
from cultiva.events.actions import SKEW
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.scoring.compile import compile_model
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion, Score
from cultiva.segments.standing import personas_of

SAMPLE = 500  # leads


@dataclass(frozen=True)
class Preview:
    """`totals`: {lead: shown total}. `now`, `then`: {lead: temperature} of the version in force, and of the draft."""

    totals: Mapping[int, float]
    now: Mapping[int, str | None]
    then: Mapping[int, str | None]
    of: int  # leads there are

    @property
    def moves(self) -> dict[tuple[str | None, str | None], int]:
        """{(band now, band then): leads of the sample}, of those that differ."""
        pairs = Counter((self.now[lead], band) for lead, band in self.then.items() if lead in self.now)
        return {pair: count for pair, count in sorted(pairs.items(), key=str) if pair[0] != pair[1]}

    @property
    def movers(self) -> list[int]:
        return [lead for lead, band in self.then.items() if lead in self.now and self.now[lead] != band]


def preview(model: ScoringModel, *, workspace_id: int, live: ModelVersion | None, at: datetime) -> Preview:
    """Of up to SAMPLE leads who may be profiled, spread over all of them; always the same ones."""
    with workspace_scope(workspace_id):
        zone = Workspace.objects.values_list("time_zone", flat=True).get(id=workspace_id)
        asked = {"workspace": workspace_id, "limit": SAMPLE}
        found = fetch_all(load_sql("scoring", "sample_of_leads"), asked)
        leads = [row["lead_id"] for row in found]
        rows = _scores(model, zone, workspace_id, leads, at)
        stored = Score.objects.filter(workspace_id=workspace_id, model=live, lead_id__in=leads) if live else []
        return Preview(
            totals={row["lead_id"]: row["total"] for row in rows},
            now={each.lead_id: each.temperature for each in stored},
            then={row["lead_id"]: _temperature(model, row["total"]) for row in rows},
            of=found[0]["of"] if found else 0,
        )


def _scores(
    model: ScoringModel, zone: str, workspace_id: int, leads: Sequence[int], at: datetime
) -> list[dict[str, Any]]:
    if not leads:
        return []
    compiled = compile_model(model, timezone=zone, personas=personas_of(workspace_id))
    return fetch_all(
        f"WITH {compiled.steps} SELECT lead_id, total FROM computed ORDER BY lead_id",  # noqa: S608
        {**compiled.parameters, "workspace": workspace_id, "leads": list(leads), "at": at, "until": at + SKEW},
    )


def _temperature(model: ScoringModel, total: float) -> str | None:
    """By the limits alone: what a lead was before is not asked."""
    limits = model.temperature
    if limits is None:
        return None
    return "hot" if total >= limits.hot else "warm" if total >= limits.warm else "cold"
