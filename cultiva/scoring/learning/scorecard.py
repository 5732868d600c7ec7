"""A scorecard: a few of the candidates, with whole points.

Logistic regression with an L1 penalty chooses among the candidates (Tibshirani 1996); how strong it is, leads that were
left aside decide. What is chosen is weighed once more with a slight penalty alone, so that points are not shrunk
(the relaxed lasso: Meinshausen 2007), then scaled and rounded. Where it is asked for, an act may only add points, and
silence only take some: the weights are bounded while they are looked for, not cut afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from cultiva.scoring.learning.candidates import FIT, INTEREST, Candidate, Json
from cultiva.scoring.learning.examples import Booleans, Floats, Holds, Integers

FOLDS = 3
STRENGTHS = np.geomspace(0.5, 0.004, 9)  # of the penalty, in shares of the least that leaves nothing
SLIGHT = 1.0  # L2 penalty of the second weighing, in cases
NEWTON_STEPS, SWEEPS, ENOUGH = 15, 60, 1e-5
MOST_POINTS = 100  # that the best lead can have, about
HOT, WARM = 0.05, 0.2  # shares of the cases above the limits
MOST_OTHERS = 25_000  # cases that do not convert; beyond, they stand for more than one each


@dataclass(frozen=True)
class Weighed:
    """Log-odds = base + holds @ weights; `weights` has a place a candidate."""

    base: float
    weights: Floats


@dataclass(frozen=True)
class Sample:
    """Cases for fitting; `times`: for how many each stands."""

    holds: npt.NDArray[np.float32]
    converted: Floats
    times: Floats
    leads: Integers


def sampled(holds: Holds, converted: Booleans, leads: Integers, *, seed: int) -> Sample:
    """Everybody who converts, and at most MOST_OTHERS of the others, who stand for all of them."""
    others = np.flatnonzero(~converted)
    kept, times = np.arange(len(converted)), np.ones(len(converted))
    if len(others) > MOST_OTHERS:
        drawn = np.random.default_rng(seed).choice(others, MOST_OTHERS, replace=False)
        times[others] = len(others) / MOST_OTHERS
        kept = np.sort(np.concatenate([np.flatnonzero(converted), drawn]))
    return Sample(holds[kept].astype(np.float32), converted[kept].astype(np.float64), times[kept], leads[kept])


def choose_weights(sample: Sample, signs: Integers, *, most: int, monotone: bool) -> Weighed:
    """Weights of at most `most` candidates; the others are 0. `signs`: as Candidate has them.

    Of penalties that fit leads left aside as well as the best one, within a standard error, the strongest is taken.
    """
    low = np.where(monotone & (signs > 0), 0.0, -np.inf)
    high = np.where(monotone & (signs < 0), 0.0, np.inf)
    strengths = STRENGTHS * _least_that_leaves_nothing(sample)
    losses = np.zeros((len(strengths), len(sample.leads)))
    for fold in range(FOLDS):
        aside = sample.leads % FOLDS == fold
        for n, found in enumerate(_path(sample, ~aside, strengths, low, high, most)):
            losses[n, aside] = _losses(found, sample, aside)
    more = losses - losses[int(np.argmin(losses.sum(axis=1)))]
    by_lead = np.array([np.bincount(sample.leads, each) for each in more])
    as_good = more.sum(axis=1) <= np.sqrt((by_lead**2).sum(axis=1))
    place = int(np.argmax(as_good))
    everybody = np.ones(len(sample.leads), dtype=bool)
    return _path(sample, everybody, strengths[: place + 1], low, high, most)[-1]


def _path(
    sample: Sample, inside: Booleans, strengths: Floats, low: Floats, high: Floats, most: int
) -> Sequence[Weighed]:
    """For each strength, strongest first: the weights of what it chooses, weighed once more."""
    holds, converted, times = sample.holds[inside], sample.converted[inside], sample.times[inside]
    found: list[Weighed] = []
    loose = Weighed(_log_odds(np.average(converted, weights=times)), np.zeros(holds.shape[1]))
    chosen: Integers | None = None
    for strength in strengths:
        if chosen is None or len(chosen) < most:
            loose = _fit(holds, converted, times, low, high, loose, l1=float(strength), l2=0.0)
        by_size = np.argsort(-np.abs(loose.weights), kind="stable")[:most]
        now = np.sort(by_size[loose.weights[by_size] != 0])
        if chosen is None or not np.array_equal(now, chosen):
            chosen = now
            start = Weighed(loose.base, loose.weights[now])
            again = _fit(holds[:, now], converted, times, low[now], high[now], start, l1=0.0, l2=SLIGHT)
            weights = np.zeros(holds.shape[1])
            weights[now] = again.weights
            found.append(Weighed(again.base, weights))
        else:
            found.append(found[-1])
    return found


def _fit(
    holds: npt.NDArray[np.float32], converted: Floats, times: Floats, low: Floats, high: Floats, start: Weighed,
    *, l1: float, l2: float,
) -> Weighed:  # fmt: skip
    """Newton's steps, each solved weight by weight (Friedman, Hastie, Tibshirani 2010), halved where too far."""
    holds = np.column_stack([np.ones(len(holds), dtype=np.float32), holds])
    low, high = np.concatenate([[-np.inf], low]), np.concatenate([[np.inf], high])
    taxed = np.concatenate([[0.0], np.ones(holds.shape[1] - 1)])
    place = np.concatenate([[start.base], start.weights])

    def worth(at: Floats) -> float:
        margin = holds @ at.astype(np.float32)
        likelihood = float(np.sum(times * (np.logaddexp(0, margin) - converted * margin)))
        return likelihood + l1 * float(taxed @ np.abs(at)) + l2 / 2 * float(taxed @ at**2)

    now = worth(place)
    for _ in range(NEWTON_STEPS):
        chances = expit(holds @ place.astype(np.float32))
        error = (times * (chances - converted)).astype(np.float32)
        curves = np.sqrt(times * np.maximum(chances * (1 - chances), 1e-6)).astype(np.float32)
        bent = holds * curves[:, None]
        slope, curve = (error @ holds).astype(np.float64), (bent.T @ bent).astype(np.float64)
        aim = _solve(slope, curve, place, low, high, l1 * taxed, l2 * taxed)
        step = 1.0
        while (then := worth(place + step * (aim - place))) > now and step > 1e-3:
            step /= 2
        if then > now:
            break
        gained, place, now = now - then, place + step * (aim - place), then
        if gained < ENOUGH * abs(now):
            break
    return Weighed(float(place[0]), place[1:])


def _solve(slope: Floats, curve: Floats, place: Floats, low: Floats, high: Floats, l1: Floats, l2: Floats) -> Floats:
    """Where slope and curve lead from `place`, within the bounds, under both penalties."""
    aim, rest = place.copy(), slope.copy()  # rest: slope + curve @ (aim - place)
    diagonal = np.maximum(np.diag(curve), 1e-9)
    active = list(range(len(place)))
    for sweep in range(SWEEPS):
        furthest = 0.0
        for j in active:
            pull = diagonal[j] * aim[j] - rest[j]
            free = np.sign(pull) * max(abs(pull) - l1[j], 0.0) / (diagonal[j] + l2[j])
            moved = min(max(free, low[j]), high[j]) - aim[j]
            if moved:
                aim[j] += moved
                rest += curve[j] * moved
                furthest = max(furthest, abs(moved))
        if furthest < 1e-5:
            if sweep and len(active) == len(place):
                break
            active = list(range(len(place)))
        elif sweep % 5 == 0:
            active = [0, *(np.flatnonzero(aim[1:]) + 1)]
    return aim


def _least_that_leaves_nothing(sample: Sample) -> float:
    """The penalty at which every weight is 0: the steepest slope there."""
    error = sample.times * (np.average(sample.converted, weights=sample.times) - sample.converted)
    return float(np.abs(error.astype(np.float32) @ sample.holds).max(initial=1.0))


def _losses(found: Weighed, sample: Sample, aside: Booleans) -> Floats:
    margin = found.base + sample.holds[aside] @ found.weights
    return sample.times[aside] * (np.logaddexp(0, margin) - sample.converted[aside] * margin)


def _log_odds(share: float) -> float:
    return float(np.log(share / (1 - share)))


def whole_points(found: Weighed, candidates: Sequence[Candidate], holds: Holds) -> Integers:
    """Points a candidate, scaled so that about the best of the cases has MOST_POINTS."""
    totals = holds @ found.weights
    best = float(np.quantile(totals, 0.999)) if len(totals) else 0.0
    reach = max(best, float(np.abs(found.weights).max(initial=0.0)))
    if reach <= 0:
        return np.zeros(len(candidates), dtype=np.int64)
    return np.rint(found.weights * (MOST_POINTS / reach)).astype(np.int64)


def document_of(
    points: Integers, candidates: Sequence[Candidate], totals: Floats, *, key: str, name: str, goal: str, timezone: str
) -> Json:
    """The model as a document. `totals`: of the cases that trained, by which hot and warm are set."""
    rules = [
        {**candidate.rule, "points": int(each)}
        for candidate, each in sorted(zip(candidates, points, strict=True), key=lambda pair: -abs(int(pair[1])))
        if each
    ]
    used = {rule["dimension"] for rule in rules}
    hot = max(2, int(np.ceil(np.quantile(totals, 1 - HOT))))
    warm = min(hot - 1, max(1, int(np.ceil(np.quantile(totals, 1 - WARM)))))
    return {
        "model": key,
        "name": name,
        "goal": goal,
        "timezone": timezone,
        "dimensions": {each: {} for each in (FIT, INTEREST) if each in used},
        "rules": [{**rule, "key": f"learned-{n}"} for n, rule in enumerate(rules, start=1)],
        "temperature": {"warm": warm, "hot": hot},
    }
