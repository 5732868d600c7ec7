"""Writing scores, as sets: those of a batch, and what the ledger keeps of them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from cultiva.events.actions import SKEW, NewEvent
from cultiva.events.batch import Batch
from cultiva.lib.database import fetch_all, load_sql
from cultiva.scoring.compile import compile_model
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion
from cultiva.segments.standing import personas_of


def primary_model(workspace_id: int) -> ModelVersion | None:
    """The model that fills `lead_state`, or None."""
    return _primary_of(list(ModelVersion.currents(workspace_id)))


def _primary_of(versions: Sequence[ModelVersion]) -> ModelVersion | None:
    return max((v for v in versions if v.is_primary), key=lambda version: version.id, default=None)


def score(batch: Batch) -> None:
    """Step of `flow`: score the batch's leads anew under every model in force, one statement a model."""
    if not batch.lead_ids:
        return
    versions = list(ModelVersion.currents(batch.workspace_id).select_related("workspace"))
    primary = _primary_of(versions)
    for version in versions:
        changes = work_out(version, batch.lead_ids, at=batch.at, is_primary=version == primary)
        batch.record([event for change in changes for event in band_events(change, version, batch.at)])


def work_out(version: ModelVersion, lead_ids: Sequence[int], *, at: datetime, is_primary: bool) -> list[dict[str, Any]]:
    """Score some leads from the ledger; rows of write_scores.sql: those whose temperature or grade changed."""
    model = ScoringModel.read(version.body)
    compiled = compile_model(model, timezone=version.workspace.time_zone, personas=personas_of(version.workspace_id))
    return write_scores(
        version, model, compiled.steps, compiled.parameters, lead_ids=lead_ids, at=at, is_primary=is_primary
    )


def write_scores(
    version: ModelVersion,
    model: ScoringModel,
    steps: str,
    parameters: Mapping[str, Any],
    *,
    lead_ids: Sequence[int],
    at: datetime,
    is_primary: bool,
) -> list[dict[str, Any]]:
    """`steps` end with `computed` (scoring.compile)."""
    temperature = model.temperature
    return fetch_all(
        f"WITH {steps}, {load_sql('scoring', 'write_scores')}",
        {
            **parameters,
            "workspace": version.workspace_id,
            "leads": list(lead_ids),
            "at": at,
            "until": at + SKEW,  # the ledger holds no event from further ahead
            "model": version.id,
            "key": version.key,
            "is_primary": is_primary,
            "warm": temperature and temperature.warm,
            "hot": temperature and temperature.hot,
            "hysteresis": temperature and temperature.hysteresis,
        },
    )


def band_events(change: Mapping[str, Any], version: ModelVersion, at: datetime) -> Iterator[NewEvent]:
    """What the ledger keeps of a change. A first temperature, or grade, is told of warm and hot leads only."""
    for band in ("temperature", "grade"):
        was, is_now = change[f"from_{band}"], change[band]
        if was == is_now or (was is None and change["temperature"] not in ("warm", "hot")):
            continue
        yield NewEvent(
            kind="score",
            name=f"{band}_changed",
            message_id=f"score:{version.id}:{change['lead_id']}:{at.isoformat()}:{band}",
            occurred_at=at,
            lead_id=change["lead_id"],
            by="system",
            properties={"model": version.key, "from": was, "to": is_now, "total": change["total"]},
        )
