"""Figures of a rehearsal, of arrays alone: which scores came before a conversion, and how far apart they stand.

`scores`: float64, finite; `converted`: bool of the same length; one place is one lead on one date.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext

from cultiva.lib.refusals import Refusal

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

POINTS_OF_CURVE = 100
GROUPS = 10
REPLICATES = 200
FEWEST_REPLICATES = 20
WORK = 20_000_000  # places that all replicates together read
SMALL = 1_000  # leads who convert: above them an interval tells nothing that matters


class OneClassOnly(Refusal):
    """Nobody converts, or everybody does: nothing tells the one from the other."""


def check_both_classes(converted: Booleans) -> None:
    if not len(converted):
        raise OneClassOnly(gettext("no lead was there on any of these dates"), gettext("choose another period"))
    if not converted.any():
        raise OneClassOnly(
            gettext("no lead converts within the horizon after any of these dates"),
            gettext("choose an earlier period, a longer horizon or another goal"),
        )
    if converted.all():
        raise OneClassOnly(
            gettext("every lead converts within the horizon"), gettext("choose a shorter horizon or another goal")
        )


@dataclass(frozen=True)
class Ranked:
    """Places by falling score; those of one score are one step. Cumulative weights of both classes after each step."""

    scores: Floats
    hits: Floats
    misses: Floats

    @classmethod
    def of(cls, scores: Floats, converted: Booleans) -> "Ranked":
        levels, hits, misses = counts_by_score(scores, converted)
        return cls(levels[::-1], np.cumsum(hits[::-1]), np.cumsum(misses[::-1]))

    @property
    def auc(self) -> float:
        """Area under the ROC curve; ties count half (Mann–Whitney)."""
        return area_of(np.diff(self.hits, prepend=0.0)[::-1], np.diff(self.misses, prepend=0.0)[::-1])

    @property
    def average_precision(self) -> float:
        """Σ (recall gained) × precision, by falling threshold: the area under the precision–recall curve."""
        gained = np.diff(self.hits, prepend=0.0) / self.hits[-1]
        return float(np.sum(gained * self.hits / (self.hits + self.misses)))

    def roc(self) -> list[list[float]]:
        """[[share of the others, share of those who convert], ..] from 0, 0 to 1, 1"""
        x, y = self.misses / self.misses[-1], self.hits / self.hits[-1]
        return [[0.0, 0.0], *_thinned(x, y)]

    def precision_recall(self) -> list[list[float]]:
        """[[recall, precision], ..] by falling threshold"""
        return _thinned(self.hits / self.hits[-1], self.hits / (self.hits + self.misses))


def counts_by_score(scores: Floats, converted: Booleans) -> tuple[Floats, Floats, Floats]:
    """(distinct scores ascending, how many convert at each, how many do not)"""
    levels, places = np.unique(scores, return_inverse=True)
    all_, hits = np.bincount(places, minlength=len(levels)), np.bincount(places, converted, len(levels))
    return levels, hits.astype(np.float64), (all_ - hits).astype(np.float64)


def area_of(hits: Floats, misses: Floats) -> float:
    """Area under the ROC curve, of counts by ascending score."""
    below = np.cumsum(misses) - misses
    return float(np.sum(hits * (below + misses / 2)) / (hits.sum() * misses.sum()))


def _thinned(x: Floats, y: Floats) -> list[list[float]]:
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), POINTS_OF_CURVE)).round().astype(int))
    return [[round(float(x[n]), 6), round(float(y[n]), 6)] for n in kept]


def interval_of_auc(scores: Floats, converted: Booleans, leads: Integers, *, seed: int = 0) -> list[float] | None:
    """[low, high], 95 %, by drawing leads (not their dates, which are not independent); None where many convert."""
    if len(np.unique(leads[converted])) > SMALL:
        return None
    levels, places = np.unique(scores, return_inverse=True)

    def area(times: Floats) -> float | None:
        drawn = times[leads]
        hits = np.bincount(places, drawn * converted, len(levels)).astype(np.float64)
        misses = np.bincount(places, drawn * ~converted, len(levels)).astype(np.float64)
        return area_of(hits, misses) if hits.any() and misses.any() else None

    replicates = max(FEWEST_REPLICATES, min(REPLICATES, WORK // len(scores)))
    return bootstrap(area, people=int(leads.max()) + 1, replicates=replicates, seed=seed)


def bootstrap(
    figure: Callable[[Floats], float | None], *, people: int, replicates: int, seed: int
) -> list[float] | None:
    """`figure` takes how often each person is drawn; the middle 95 % of what it says."""
    random = np.random.default_rng(seed)
    draws = (random.multinomial(people, np.full(people, 1 / people)).astype(np.float64) for _ in range(replicates))
    found = [value for value in map(figure, draws) if value is not None]
    return [float(each) for each in np.quantile(found, [0.025, 0.975])] if found else None


def groups_of(scores: Floats, converted: Booleans) -> list[dict[str, float]]:
    """Tenths by falling score: {group, from, to, count, converted, mean_score, rate, low, high, lift}.

    low and high: Wilson's interval of the rate, 95 % (Wilson 1927). Of one score, the order is that of the places.
    """
    order, base = np.argsort(-scores, kind="stable"), converted.mean()
    rows = []
    for n, places in enumerate(np.array_split(order, GROUPS), start=1):
        if len(places):
            count, hits = len(places), int(converted[places].sum())
            low, high = wilson(hits, count)
            rows.append(
                {
                    "group": n, "from": float(scores[places[-1]]), "to": float(scores[places[0]]), "count": count,
                    "mean_score": float(scores[places].mean()), "converted": hits, "rate": hits / count,
                    "low": low, "high": high, "lift": float(hits / count / base),
                }
            )  # fmt: skip
    return rows


def wilson(hits: int, count: int) -> tuple[float, float]:
    z, share = 1.959964, hits / count
    middle, spread = share + z * z / (2 * count), z * np.sqrt(share * (1 - share) / count + z * z / (4 * count**2))
    scale = 1 + z * z / count
    return max(0.0, float((middle - spread) / scale)), min(1.0, float((middle + spread) / scale))


def at_threshold(scores: Floats, converted: Booleans, threshold: float) -> dict[str, float | None]:
    above = scores >= threshold
    hits = int((above & converted).sum())
    return {
        "above": int(above.sum()),
        "precision": hits / int(above.sum()) if above.any() else None,
        "recall": hits / int(converted.sum()),
    }


def threshold_for(greatest: Floats, first: Floats, allowed: float) -> float | None:
    """The lowest score from which on never more than `allowed` leads reach it in the period.

    `greatest`: each lead's highest score; `first`: that on the first date, -inf where it was not there: who stands
    above already is not handed over again. None where even the highest score is reached by too many.
    """
    levels = np.unique(greatest)[::-1]
    reached = len(greatest) - np.searchsorted(np.sort(greatest), levels, side="left")
    stood = len(first) - np.searchsorted(np.sort(first), levels, side="left")
    too_many = np.flatnonzero(reached - stood > allowed)
    kept = levels[: too_many[0]] if len(too_many) else levels
    return float(kept[-1]) if len(kept) else None


def histogram(scores: Floats, edges: Floats) -> list[int]:
    return [int(each) for each in np.histogram(scores, edges)[0]]
