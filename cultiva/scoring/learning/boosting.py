"""Gradient boosting on the candidates, with probabilities and with reasons that add up.

The trees may combine what one source tells (an attribute, an event), and never two sources: the log-odds are then a sum
of one part a source, exactly. A part is measured against a lead of whom nothing is known and who did nothing.
Probabilities come from Platt's scaling (1999) of log-odds that were told of leads who were left aside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from cultiva.scoring.learning.candidates import Candidate
from cultiva.scoring.learning.examples import Floats, Holds
from cultiva.scoring.learning.scorecard import FOLDS, Sample

ROUNDS, RATE, LEAVES, LEAST_IN_LEAF, PENALTY = 80, 0.08, 6, 20, 5.0


@dataclass(frozen=True)
class Scale:
    """Probability = 1 / (1 + exp(-(base + slope × margin)))"""

    base: float
    slope: float

    def probabilities(self, margins: Floats) -> Floats:
        return np.asarray(expit(self.base + self.slope * margins))


@dataclass(frozen=True)
class Boosted:
    """`groups`: {source: places of its candidates}"""

    trees: Any  # HistGradientBoostingClassifier
    groups: dict[str, list[int]]
    scale: Scale

    def margins(self, holds: Holds) -> Floats:
        """Log-odds before calibration, one a case."""
        return np.asarray(self.trees.decision_function(holds), dtype=np.float64)

    def probabilities(self, holds: Holds) -> Floats:
        return self.scale.probabilities(self.margins(holds))

    def parts(self, holds: Holds) -> tuple[float, Floats]:
        """(base, cases × groups): base + the sum of a row is the margin of its case."""
        nobody = np.zeros((1, holds.shape[1]), dtype=np.uint8)
        base = float(self.margins(nobody)[0])
        found = np.zeros((len(holds), len(self.groups)))
        for n, places in enumerate(self.groups.values()):
            alone, back = np.unique(holds[:, places], axis=0, return_inverse=True)
            asked = np.zeros((len(alone), holds.shape[1]), dtype=np.uint8)
            asked[:, places] = alone
            found[:, n] = (self.margins(asked) - base)[back.reshape(-1)]
        return base, found


def boost(sample: Sample, candidates: Sequence[Candidate], *, seed: int) -> Boosted:
    groups: dict[str, list[int]] = {}
    for n, candidate in enumerate(candidates):
        groups.setdefault(candidate.source, []).append(n)
    aside = np.zeros(len(sample.leads))
    for fold in range(FOLDS):
        out = sample.leads % FOLDS == fold
        aside[out] = _trees(sample, ~out, groups, seed).decision_function(sample.holds[out].astype(np.uint8))
    trees = _trees(sample, np.ones(len(sample.leads), dtype=bool), groups, seed)
    return Boosted(trees, groups, scale_of(aside, sample.converted, sample.times))


def _trees(sample: Sample, inside: Any, groups: dict[str, list[int]], seed: int) -> Any:
    trees = HistGradientBoostingClassifier(
        max_iter=ROUNDS, learning_rate=RATE, max_leaf_nodes=LEAVES, min_samples_leaf=LEAST_IN_LEAF,
        l2_regularization=PENALTY, interaction_cst=[set(each) for each in groups.values()], early_stopping=False,
        random_state=seed,
    )  # fmt: skip
    with threadpool_limits(1, "openmp"):  # trees this small wait longer for each other than they grow
        return trees.fit(sample.holds[inside].astype(np.uint8), sample.converted[inside], sample.times[inside])


def scale_of(margins: Floats, converted: Floats, times: Floats) -> Scale:
    """Platt's scaling; constant margins tell the base rate alone."""
    spread = float(margins.std()) or 1.0
    found = LogisticRegression(C=1e6).fit((margins / spread)[:, None], converted, times)
    return Scale(float(found.intercept_[0]), float(found.coef_[0, 0]) / spread)
