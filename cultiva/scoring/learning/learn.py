"""Learning as a whole: candidates asked as of past dates, a scorecard and trees of them, and what both are worth.

All figures are of the dates that validate. The scorecard's are those of its document, asked as any model is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.translation import gettext

from cultiva.criteria.personas import Persona
from cultiva.documents.normal import write_yaml
from cultiva.lib.languages import reader_language
from cultiva.scoring.learning.boosting import Boosted, boost, scale_of
from cultiva.scoring.learning.candidates import Candidate, Json, make_candidates, model_of
from cultiva.scoring.learning.examples import (
    LEAST_LEADS,
    Booleans,
    Cases,
    Floats,
    Holds,
    Integers,
    Opened,
    Past,
    Split,
    TooLittle,
    ask,
    check_enough,
    draw_cases,
    split_of,
)
from cultiva.scoring.learning.scorecard import choose_weights, document_of, sampled, whole_points
from cultiva.scoring.learning.vocabulary import Vocabulary
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.rehearsal.metrics import Ranked, area_of, bootstrap, groups_of, interval_of_auc
from cultiva.scoring.rehearsal.plan import Plan

MOST_RULES = 15
LEAST_CASES = 20  # that meet a candidate
REPLICATES = 200

CURRENT, SCORECARD, BOOSTING = "current", "scorecard", "boosting"
Tell = Callable[[str, float], object]  # what is done now, and the share of all that is done


@dataclass(frozen=True)
class Options:
    key: str = "learned"
    name: str = ""
    monotone: bool = False
    most_rules: int = MOST_RULES
    seed: int = 0


@dataclass(frozen=True)
class Learned:
    """`text`: the scorecard's YAML. `reasons`: of leads as of the last date that validates, best first."""

    report: Json
    text: str
    reasons: Sequence[Json] = field(default_factory=list)


def learn(
    past: Past,
    plan: Plan,
    vocabulary_of: Callable[[Split], Vocabulary],
    *,
    personas: Mapping[str, Persona],
    current: Sequence[ScoringModel] = (),
    options: Options,
    tell: Tell = lambda _what, _share: None,
) -> Learned:
    """`current`: models that are compared with what is learned, on the same cases.

    Raises TooLittle, OneClassOnly, DocumentError, UnreadableFile.
    """
    split = split_of(plan)
    tell(gettext("looking at what is known"), 0.0)
    vocabulary = vocabulary_of(split)
    candidates = make_candidates(vocabulary, personas)
    if not candidates:
        raise TooLittle(
            gettext("nothing is known of the leads that rules could ask for"),
            gettext("bring attributes or events that at least %(least)s leads have") % {"least": LEAST_CASES},
        )
    cases, holds, candidates = _asked(past, plan, split, candidates, options, tell)
    training, validating = cases.on(split.training), cases.on(split.validating)
    sample = sampled(holds[training], cases.converted[training], cases.leads[training], seed=options.seed)
    tell(gettext("choosing rules"), 0.55)
    signs = np.array([each.sign for each in candidates], dtype=np.int64)
    weighed = choose_weights(sample, signs, most=options.most_rules, monotone=options.monotone)
    points = whole_points(weighed, candidates, holds[training])
    if not points.any():
        raise TooLittle(
            gettext("nothing that is known tells who converts from who does not"),
            gettext("collect more, or choose another goal or horizon"),
        )
    totals = (holds @ points).astype(np.float64)
    document = document_of(
        points, candidates, totals[training], key=options.key, name=options.name or gettext("Learned model"),
        goal=plan.goal, timezone=plan.timezone,
    )  # fmt: skip
    tell(gettext("growing trees"), 0.7)
    boosted = boost(sample, candidates, seed=options.seed)
    tell(gettext("validating"), 0.85)
    shown = cases.where(validating)
    scored = {
        SCORECARD: (totals[validating], _probabilities(totals, cases, training, validating)),
        BOOSTING: (boosted.margins(holds[validating]), boosted.probabilities(holds[validating])),
    }
    models = [_judged(which, *scored[which], shown) for which in (SCORECARD, BOOSTING)]
    for model in current:
        models.append(_compared(past, model, plan, shown, totals[validating]))
    tell(gettext("writing the report"), 0.95)
    text = write_yaml(document)
    report = {
        "name": document["name"],
        "goal": plan.goal,
        "timezone": plan.timezone,
        "horizon_days": plan.horizon.days,
        "seed": options.seed,
        "monotone": options.monotone,
        "least_leads": LEAST_LEADS,
        "training": _part(plan, split.training, cases.where(training)),
        "validation": _part(plan, split.validating, shown),
        "candidates": len(candidates),
        "models": models,
        "rules": _rules(document, points, candidates, holds[validating], shown.converted),
        "temperature": document["temperature"],
        "excluded": [vars(each) for each in vocabulary.excluded],
        "text": text,
    }
    return Learned(report, text, _reasons(boosted, holds[validating], shown))


def _asked(
    past: Past, plan: Plan, split: Split, candidates: list[Candidate], options: Options, tell: Tell
) -> tuple[Cases, Holds, list[Candidate]]:
    """Without candidates that too few of the cases that train meet, or all, or the very same ones as another."""

    def choose(opened: Opened) -> Cases:
        drawn = draw_cases(opened, plan, split, seed=options.seed)
        check_enough(drawn, split)
        return drawn

    def tell_date(done: int, of: int) -> None:
        tell(gettext("asking as of date %(done)s of %(of)s") % {"done": done, "of": of}, 0.05 + 0.5 * done / of)

    model = model_of(candidates, goal=plan.goal, timezone=plan.timezone)
    cases, holds, _totals = ask(past, model, plan, choose, tell=tell_date)
    check_enough(cases, split)
    trained = holds[cases.on(split.training)]
    met = trained.sum(axis=0, dtype=np.int64)
    useful = np.flatnonzero((met >= LEAST_CASES) & (met <= len(trained) - LEAST_CASES))
    first: dict[bytes, int] = {}
    for n in useful:
        first.setdefault(np.packbits(trained[:, n]).tobytes(), int(n))
    kept = sorted(first.values())
    if not kept:
        raise TooLittle(
            gettext("nothing that is known tells one lead from another"),
            gettext("bring attributes or events that at least %(least)s leads have") % {"least": LEAST_CASES},
        )
    return cases, holds[:, kept], [candidates[n] for n in kept]


def _probabilities(totals: Floats, cases: Cases, training: Booleans, validating: Booleans) -> Floats:
    """Of points: by what came of them on the dates that train."""
    converted = cases.converted[training].astype(np.float64)
    return scale_of(totals[training], converted, np.ones(len(converted))).probabilities(totals[validating])


# What it is worth


def _judged(which: str, scores: Floats, probabilities: Floats | None, cases: Cases) -> Json:
    ranked = Ranked.of(scores, cases.converted)
    told: Json = {
        "which": which,
        "auc": ranked.auc,
        "auc_interval": interval_of_auc(scores, cases.converted, cases.leads),
        "average_precision": ranked.average_precision,
        "roc": ranked.roc(),
        "tenths": groups_of(scores, cases.converted),
    }
    if probabilities is not None:
        base = cases.converted.mean()
        told |= {
            "brier": float(np.mean((probabilities - cases.converted) ** 2)),
            "brier_of_base_rate": float(base * (1 - base)),
            "calibration": groups_of(probabilities, cases.converted),
        }
    return told


def _compared(past: Past, model: ScoringModel, plan: Plan, cases: Cases, learned: Floats) -> Json:
    """A model that is there already, and how much further apart the scorecard sets those who convert."""
    answered, _holds, totals = ask(past, model, plan, lambda _opened: cases)
    if len(totals) != len(cases.leads):
        raise TooLittle(gettext("model `%(model)s` cannot be asked about the same leads") % {"model": model.key})
    told = _judged(CURRENT, totals, None, answered)
    difference = told | {"model": model.key, "name": model.name}
    gained = Ranked.of(learned, cases.converted).auc - told["auc"]
    return difference | {"scorecard_gains": gained, "gain_interval": _interval_of_gain(learned, totals, cases)}


def _interval_of_gain(learned: Floats, before: Floats, cases: Cases) -> list[float] | None:
    """[low, high] of 95 %: leads are drawn, and both are asked about the same ones."""
    orders = [np.unique(each, return_inverse=True)[1] for each in (learned, before)]

    def gain(times: Floats) -> float | None:
        drawn = times[cases.leads]
        hits, misses = drawn * cases.converted, drawn * ~cases.converted
        if not hits.any() or not misses.any():
            return None
        first, second = (
            area_of(*(np.bincount(each, one).astype(np.float64) for one in (hits, misses))) for each in orders
        )
        return first - second

    replicates = max(20, min(REPLICATES, 20_000_000 // len(learned)))
    return bootstrap(gain, people=int(cases.leads.max()) + 1, replicates=replicates, seed=0)


def _part(plan: Plan, dates: range, cases: Cases) -> Json:
    zone = ZoneInfo(plan.timezone)
    return {
        "first": plan.dates[dates.start].astimezone(zone).isoformat(),
        "last": plan.dates[dates.stop - 1].astimezone(zone).isoformat(),
        "dates": len(dates),
        "cases": len(cases.leads),
        "leads": len(np.unique(cases.leads)),
        "converted_cases": int(cases.converted.sum()),
        "converted_leads": len(np.unique(cases.leads[cases.converted])),
        "base_rate": float(cases.converted.mean()),
    }


def _rules(
    document: Json, points: Integers, candidates: Sequence[Candidate], holds: Holds, converted: Booleans
) -> list[Json]:
    """In the order of the document, with how often each holds on the dates that validate, and what came of it."""
    model = ScoringModel.read(document)
    places = sorted(np.flatnonzero(points), key=lambda n: -abs(int(points[n])))
    return [
        {
            "rule": rule.key,
            "words": rule.words(reader_language()),
            "dimension": rule.dimension,
            "points": int(rule.points),
            "with_points": int(holds[:, place].sum()),
            "rate_with": _rate(converted[holds[:, place] == 1]),
            "rate_without": _rate(converted[holds[:, place] == 0]),
        }
        for rule, place in zip(model.rules, places, strict=True)
    ]


def _rate(converted: Booleans) -> float | None:
    return float(converted.mean()) if len(converted) else None


def _reasons(boosted: Boosted, holds: Holds, cases: Cases) -> list[Json]:
    """[{lead_id, probability, log_odds, base, parts: {source: part}}] of the last date, most probable first."""
    last = np.flatnonzero(cases.dates == cases.dates.max())
    base, parts = boosted.parts(holds[last])
    margins, probabilities = boosted.margins(holds[last]), boosted.probabilities(holds[last])
    order = np.argsort(-probabilities, kind="stable")
    return [
        {
            "lead_id": cases.lead_ids[cases.leads[last[n]]],
            "probability": float(probabilities[n]),
            "log_odds": float(margins[n]),
            "base": base,
            "parts": dict(zip(boosted.groups, parts[n].tolist(), strict=True)),
        }
        for n in order
    ]


def told_in_words(found: Learned) -> list[str]:
    """One line a model, for a terminal."""
    lines = []
    for each in found.report["models"]:
        interval: Any = each["auc_interval"]
        between = f" ({interval[0]:.3f}–{interval[1]:.3f})" if interval else ""
        lines.append(f"{each.get('model', each['which'])}: AUC {each['auc']:.3f}{between}")
    return lines
