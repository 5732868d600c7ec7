"""A rehearsal as one document: what each model would have said (`forecast`), and what came of it (`outcome`).

The forecast reads nothing after the last date: it is the same whatever happened later.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from cultiva.scoring.model import ScoringModel
from cultiva.scoring.rehearsal.history import BANDS, History
from cultiva.scoring.rehearsal.metrics import (
    OneClassOnly,
    Ranked,
    at_threshold,
    check_both_classes,
    groups_of,
    histogram,
    interval_of_auc,
    threshold_for,
)
from cultiva.scoring.rehearsal.plan import Plan

Json = dict[str, Any]

BARS = 20
CHANGES_LIMIT = 1_000  # listed by name; the counts are of all
DAY = 86_400


def make_report(
    plan: Plan, models: Sequence[tuple[ScoringModel, str, History]], *, name: str, capacity: float | None
) -> Json:
    """`models`: (model, its text, what it said); the first is the one in force, with which the others are compared."""
    live = models[0][2]
    return {
        "name": name,
        "goal": plan.goal,
        "timezone": plan.timezone,
        "dates": [each.isoformat() for each in plan.dates],
        "horizon_days": plan.horizon.days,
        "capacity_per_week": capacity,
        "leads": len(live.lead_ids),
        "models": [
            _of_model(plan, model, text, history, capacity) | {"against_first": changes(live, history)}
            for model, text, history in models
        ],
    }


def _of_model(plan: Plan, model: ScoringModel, text: str, history: History, capacity: float | None) -> Json:
    threshold = chosen_threshold(plan, model, history, capacity)
    return {
        "model": model.key,
        "name": model.name,
        "text": text,
        "threshold": threshold,
        "forecast": forecast(plan, model, history, threshold),
        "outcome": outcome(plan, history, threshold),
    }


def chosen_threshold(plan: Plan, model: ScoringModel, history: History, capacity: float | None) -> float | None:
    """The one that the capacity allows, else what the model calls hot."""
    if capacity is None:
        return model.temperature.hot if model.temperature else None
    here = ~np.isnan(history.scores).all(axis=1)
    if not here.any():
        return None
    return threshold_for(np.nanmax(history.scores[here], axis=1), _first(history)[here], capacity * plan.weeks)


def _first(history: History) -> Any:
    """Each lead's score on the first date: who stands above then is not handed over anew. One date alone begins."""
    if history.scores.shape[1] == 1:
        return np.full(len(history.scores), -np.inf)
    return np.nan_to_num(history.scores[:, 0], nan=-np.inf)


def forecast(plan: Plan, model: ScoringModel, history: History, threshold: float | None) -> Json:
    first, last = (column[~np.isnan(column)] for column in (history.scores[:, 0], history.scores[:, -1]))
    both = np.concatenate([first, last])
    edges = np.histogram_bin_edges(both, BARS).astype(np.float64)  # of nothing: from 0 to 1
    told: Json = {
        "distribution": {
            "edges": edges.tolist(), "first": histogram(first, edges), "last": histogram(last, edges),
        },
        "bands": [
            {"at": at.isoformat()} | {name: int((history.bands[:, n] == b).sum()) for b, name in enumerate(BANDS)}
            for n, at in enumerate(plan.dates)
        ] if model.temperature else [],
        "weekly_changes": weekly_changes(history),
    }  # fmt: skip
    if threshold is not None:
        told["hand_overs"] = weekly_firsts(plan, history, history.scores >= threshold)
    if model.temperature:
        told["marketing_qualified"] = weekly_firsts(plan, history, history.bands >= BANDS.index("warm"))
    return told


def weekly_firsts(plan: Plan, history: History, above: Any) -> list[Json]:
    """[{at, count, by_owner}] of leads above for the first time; those who stand there on the first date are none."""
    reached, first = above.any(axis=1), above.argmax(axis=1)
    one = len(plan.dates) == 1
    weeks = []
    for n, at in enumerate(plan.dates):
        if n or one:
            who = np.flatnonzero(reached & (first == n))
            by_owner = Counter(history.owners[each] for each in who)
            weeks.append({"at": at.isoformat(), "count": len(who), "by_owner": dict(sorted(by_owner.items()))})
    return weeks


def weekly_changes(history: History) -> list[float | None]:
    """The share of leads, there on both dates, whose band changes from one date to the next: stability."""
    shares: list[float | None] = []
    for before, after in zip(history.bands.T[:-1], history.bands.T[1:], strict=True):
        both = (before >= 0) & (after >= 0)
        shares.append(float((before != after)[both].mean()) if both.any() else None)
    return shares


def changes(live: History, history: History) -> Json:
    """Who stands in another band than under the model in force, on the last date."""
    before, after = live.bands[:, -1], history.bands[:, -1]
    who = np.flatnonzero((before >= 0) & (after >= 0) & (before != after))
    listed = [
        {
            "lead_id": live.lead_ids[n], "from": BANDS[before[n]], "to": BANDS[after[n]],
            "total_before": float(live.scores[n, -1]), "total_after": float(history.scores[n, -1]),
        }
        for n in who[:CHANGES_LIMIT]
    ]  # fmt: skip
    counts = Counter(f"{BANDS[before[n]]}>{BANDS[after[n]]}" for n in who)
    return {"changed": len(who), "counts": dict(sorted(counts.items())), "leads": listed}


def outcome(plan: Plan, history: History, threshold: float | None) -> Json:
    """Every lead on every date is one case; it converts where the goal comes within the horizon after the date."""
    starts = np.array([each.timestamp() for each in plan.dates])
    there = ~np.isnan(history.scores)
    within = history.converted_at[:, None] <= starts + plan.horizon.total_seconds()
    leads = np.broadcast_to(np.arange(len(there))[:, None], there.shape)[there]
    scores, converted = history.scores[there], within[there]
    told: Json = {"cases": len(scores), "converted": int(converted.sum()), "rules": list(history.rules)}
    try:
        check_both_classes(converted)
    except OneClassOnly as problem:
        return told | {"unavailable": str(problem)}
    ranked = Ranked.of(scores, converted)
    told |= {
        "base_rate": float(converted.mean()),
        "auc": ranked.auc,
        "auc_interval": interval_of_auc(scores, converted, leads),
        "average_precision": ranked.average_precision,
        "roc": ranked.roc(),
        "precision_recall": ranked.precision_recall(),
        "tenths": groups_of(scores, converted),
    }
    if threshold is not None:
        told |= {"at_threshold": at_threshold(scores, converted, threshold), **warning(plan, history, threshold)}
    return told


def warning(plan: Plan, history: History, threshold: float) -> Json:
    """Days from the first date at which a lead reached the threshold to its conversion, within the horizon of one."""
    starts = np.array([each.timestamp() for each in plan.dates])
    above = history.scores >= threshold
    within = history.converted_at[:, None] <= starts + plan.horizon.total_seconds()
    warned = (above & within).any(axis=1)
    days = (history.converted_at - starts[above.argmax(axis=1)])[warned] / DAY
    return {"warned": len(days), "median_days_of_warning": float(np.median(days)) if len(days) else None}
