"""Groups of leads that share more than chance explains. A process of its own: table in, groups out (process.py).

A latent-class model (StepMix: Morin et al., Journal of Statistical Software 113(8), 2025): inside a group the features
are independent, each level has its share, and what is missing says nothing. Numbers come as the quarter they lie in, so
that the shape of one number alone makes no group.

Three questions are asked, and a group is told of only where all say yes:

1. Is there more than one? The number of groups is the one of least BIC; where that is one, there are none.
2. Is it more than a trend? Big companies buying big machines are one cloud, however long it is, and a model of groups
   cuts it into pieces, with many leads near the cuts. So either nobody stands in between; or the same is done with
   made-up leads who have the same values and the same correlations and no groups (a Gaussian copula), and the groups
   fit better than theirs.
3. Does it come back? The leads are drawn anew, with replacement, and grouped anew; a group's stability is the mean of
   its best Jaccard similarity. From 0.75 it counts as stable (Hennig, Computational Statistics & Data Analysis 52,
   2007: below 0.6 it should not be trusted, from 0.75 it is a valid, stable cluster). Where none does, half as many
   groups are tried.

No Django here: the process holds numpy, SciPy and pandas (about 180 MB), and ends with its answer.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.stats import norm, rankdata
from sklearn.decomposition import PCA
from stepmix.stepmix import StepMix

Matrix = np.ndarray[Any, np.dtype[np.float64]]
Labels = np.ndarray[Any, np.dtype[np.int64]]
Progress = Callable[[str, float], object]

LEAST_LEADS = 60  # fewer are looked at faster by eye
LEAST_FEATURES = 3
MOST_FITTED = 2500  # leads the models are fitted on; the others are assigned
MOST_GROUPS = 8  # people cannot keep more personas apart
LEAST_SHARE = 0.03  # of the leads, and at least:
LEAST_SIZE = 20
IMITATIONS = 19  # none of them may come near: to beat the best of so many by chance happens once in twenty
BEYOND = 3.0  # standard deviations above their mean, besides
SURE, MOST_BETWEEN = 0.95, 0.02  # pieces of trends of many strengths left 5 in 100 and more less sure than that
RESAMPLES = 30
FIRST_RESAMPLES, HOPELESS = 6, 0.65  # after so few, no group with less becomes stable
TUNINGS = 6
STABLE = 0.75
SHOWN = 400  # leads in the picture
SAME, BEYOND_THIRDS = 0.4, 1.4  # normalized mutual information of two columns, and times that with any third


@dataclass(frozen=True)
class Feature:
    """A column with values 0 .. levels - 1; NaN is missing. `is_ordered`: the levels are quarters of a number."""

    levels: int
    is_ordered: bool = False


@dataclass(frozen=True)
class Group:
    """`members` are the rows that are more likely of this group than of all others together."""

    members: list[int]
    stability: float


@dataclass(frozen=True)
class Found:
    """`why_none`: few | one | trend | unstable, where there are no groups. `points` are [x, y, group or -1]."""

    groups: list[Group]
    why_none: str
    unstable: int  # groups that did not come back
    considered: dict[int, float]  # {number of groups: BIC}
    points: list[tuple[float, float, int]]


def find_groups(features: Sequence[Feature], values: Matrix, *, seed: int, progress: Progress) -> Found:
    """The same table and seed give the same answer."""
    random = np.random.default_rng(seed)
    own = _without_echoes(features, values)
    features, values = [features[n] for n in own], values[:, own]
    if len(values) < LEAST_LEADS or len(features) < LEAST_FEATURES:
        return Found([], "few", 0, {}, [])
    rows = np.sort(random.permutation(len(values))[:MOST_FITTED])
    fitted = values[rows]
    considered = {}
    for number in range(1, MOST_GROUPS + 1):
        progress("comparing", 0.30 * (number - 1) / MOST_GROUPS)
        considered[number] = _fit(fitted, number, seed, starts=3).bic(fitted)
    points = _picture(values, random)
    nobody = _drawn(points, np.full(len(values), -1))
    number, why = min(considered, key=lambda each: considered[each]), "one"
    unstable = 0
    while number > 1:  # many small groups may be none that last where few large ones do
        best = _fit(fitted, number, seed, starts=5)
        if not _stand_apart(best, fitted) and _is_trend(features, fitted, number, seed, progress):
            return Found([], "trend", unstable, considered, nobody)
        labels = _assigned(best, values)
        stability = _stability(fitted, labels[rows], number, seed, progress)
        groups = _stable(labels, stability)
        if groups:
            shown = np.full(len(values), -1)
            for place, group in enumerate(groups):
                shown[group.members] = place
            return Found(groups, "", number - len(groups), considered, _drawn(points, shown))
        number, why, unstable = number // 2, "unstable", number
    return Found([], why, unstable, considered, nobody)


def _stable(labels: Labels, stability: Matrix) -> list[Group]:
    """The largest first."""
    found = []
    for each in range(len(stability)):
        members = np.flatnonzero(labels == each)
        if stability[each] >= STABLE and len(members) >= max(LEAST_SIZE, LEAST_SHARE * len(labels)):
            found.append(Group(members.tolist(), round(float(stability[each]), 4)))
    return sorted(found, key=lambda group: (-len(group.members), group.members[:1]))


def _fit(table: Matrix, groups: int, seed: int, *, starts: int) -> Any:
    mixture = StepMix(
        n_components=groups, measurement="categorical_nan", n_init=starts, max_iter=300, abs_tol=1e-5, rel_tol=1e-5,
        random_state=seed, progress_bar=0, verbose=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that one start among several did not converge
        return mixture.fit(table)


def _assigned(mixture: Any, table: Matrix) -> Labels:
    """The group each row is more likely of than of all others together, or -1."""
    likely = mixture.predict_proba(table)
    labels: Labels = likely.argmax(axis=1)
    labels[likely.max(axis=1) < 0.5] = -1
    return labels


# What a column says again


def _without_echoes(features: Sequence[Feature], table: Matrix) -> list[int]:
    """The columns without those of whom another says most, and no third nearly as much: a province that goes by the
    sector. Inside a group features are to be independent, and such a pair would make groups of its own. Columns that
    groups tie together are tied to all others alike."""
    kept = list(range(len(features)))
    ties = np.zeros((len(features), len(features)))
    for one, other in combinations(kept, 2):
        ties[one, other] = ties[other, one] = _tie(table[:, one], table[:, other])
    for one, other in sorted(combinations(kept, 2), key=lambda pair: (-ties[pair], pair)):
        if ties[one, other] < SAME:
            break
        if {one, other} <= set(kept) and not (features[one].is_ordered or features[other].is_ordered):
            thirds = [max((ties[each, n] for n in kept if n not in (one, other)), default=0.0) for each in (one, other)]
            if ties[one, other] >= BEYOND_THIRDS * max(thirds):
                kept.remove(one if thirds[0] < thirds[1] else other)
    return kept


def _tie(one: Matrix, other: Matrix) -> float:
    """Mutual information, as a share of the lesser entropy, of those of whom both are known."""
    known = ~np.isnan(one) & ~np.isnan(other)
    if known.sum() < LEAST_LEADS:
        return 0.0
    counts = np.zeros((int(one[known].max()) + 1, int(other[known].max()) + 1))
    np.add.at(counts, (one[known].astype(int), other[known].astype(int)), 1)
    joint = counts / counts.sum()
    entropies = [float(-(p[p > 0] * np.log(p[p > 0])).sum()) for p in (joint.sum(axis=1), joint.sum(axis=0), joint)]
    return max(0.0, entropies[0] + entropies[1] - entropies[2]) / max(min(entropies[:2]), 1e-9)


# More than a trend?


def _stand_apart(mixture: Any, table: Matrix) -> bool:
    """Whether next to nobody could be of two groups."""
    return float((mixture.predict_proba(table).max(axis=1) < SURE).mean()) <= MOST_BETWEEN


def _is_trend(features: Sequence[Feature], table: Matrix, number: int, seed: int, progress: Progress) -> bool:
    """Whether leads without groups, but with the same values and correlations, are grouped about as well."""
    gained = _gain(table, number, seed)
    random = np.random.default_rng([seed, 1])
    imitate = _imitation(features, table, seed)
    gains: list[float] = []
    for n in range(IMITATIONS):
        progress("imitating", 0.30 + 0.35 * n / IMITATIONS)
        gains.append(_gain(imitate(random), number, seed))
        if gains[-1] >= gained:
            return True
    return gained < float(np.mean(gains)) + BEYOND * float(np.std(gains, ddof=1))


def _gain(table: Matrix, number: int, seed: int) -> float:
    """How much better, a lead, groups explain the table than one group does."""
    parted, whole = (_fit(table, each, seed, starts=2 if each > 1 else 1).score(table) for each in (number, 1))
    return float(parted - whole)


def _imitation(features: Sequence[Feature], table: Matrix, seed: int) -> Callable[[np.random.Generator], Matrix]:
    """Makes tables with each column's values, the gaps where they are and the correlations, by a Gaussian copula."""
    orders = _orders(features, table)
    known = ~np.isnan(table)
    places = np.full(table.shape, np.nan)
    for n, order in enumerate(orders):
        places[known[:, n], n] = np.argsort(order)[table[known[:, n], n].astype(int)]
    values = [np.sort(column[~np.isnan(column)]).astype(int) for column in places.T]

    def draw(root: Matrix, random: np.random.Generator) -> Matrix:
        drawn = norm.cdf(random.standard_normal(table.shape) @ root.T)
        made = np.full(table.shape, np.nan)
        for n, sorted_ in enumerate(values):
            if len(sorted_):
                made[:, n] = sorted_[np.minimum((drawn[:, n] * len(sorted_)).astype(int), len(sorted_) - 1)]
        made[~known] = np.nan
        return made

    root = _tuned(_correlations(places), draw, seed)

    def imitate(random: np.random.Generator) -> Matrix:
        made = draw(root, random)
        for n, order in enumerate(orders):
            made[known[:, n], n] = order[made[known[:, n], n].astype(int)]
        return made

    return imitate


def _tuned(wanted: Matrix, draw: Callable[[Matrix, np.random.Generator], Matrix], seed: int) -> Matrix:
    """The root with which what is drawn has the wanted correlations. Levels blur what lies beneath them, so it is
    raised until they come out."""
    beneath = wanted.copy()
    for n in range(TUNINGS):
        came_out = _correlations(draw(_root_of(beneath), np.random.default_rng([seed, 3, n])))
        beneath = np.clip(beneath + wanted - came_out, -0.995, 0.995)
        np.fill_diagonal(beneath, 1.0)
    return _root_of(beneath)


def _orders(features: Sequence[Feature], table: Matrix) -> list[Labels]:
    """The levels of each column from the lowest up. Categories have no order: they get that in which their leads lie
    on the main direction of the whole table."""
    main = PCA(n_components=1, random_state=0, svd_solver="full").fit_transform(_dummies(table))[:, 0]
    orders = []
    for n, feature in enumerate(features):
        levels = np.arange(feature.levels)
        if not feature.is_ordered:
            inside = [main[table[:, n] == level] for level in levels]
            levels = levels[np.argsort([each.mean() if len(each) else 0.0 for each in inside], kind="stable")]
        orders.append(levels)
    return orders


def _correlations(places: Matrix) -> Matrix:
    """Of the ranks, over the leads of whom both are known; of columns that seldom are known together, none."""
    known = (~np.isnan(places)).astype(float)
    scores = np.nan_to_num(np.column_stack([_normal_scores(column) for column in places.T]))
    spread = np.sqrt(np.maximum((scores**2).T @ known, 1e-9))
    found = (scores.T @ scores) / (spread * spread.T)
    found[(known.T @ known) < LEAST_SIZE] = 0.0
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)


def _root_of(correlations: Matrix) -> Matrix:
    """R with R times its transpose the nearest proper matrix of correlations."""
    sizes, directions = np.linalg.eigh(correlations)
    root = directions * np.sqrt(np.maximum(sizes, 0.0))
    return np.asarray(root / np.maximum(np.sqrt((root**2).sum(axis=1, keepdims=True)), 1e-9))


def _normal_scores(column: Matrix) -> Matrix:
    """Ranks as if drawn from a normal distribution; equal values get one score."""
    known = ~np.isnan(column)
    scores = np.full(len(column), np.nan)
    scores[known] = norm.ppf((rankdata(column[known]) - 0.5) / max(1, known.sum()))
    return scores


# Does it come back?


def _stability(table: Matrix, labels: Labels, number: int, seed: int, progress: Progress) -> Matrix:
    """The mean, over resamples, of each group's best Jaccard similarity with a group of the resample."""
    random = np.random.default_rng([seed, 2])
    found = np.zeros((RESAMPLES, number))
    for n in range(RESAMPLES):
        progress("resampling", 0.65 + 0.35 * n / RESAMPLES)
        drawn = random.integers(0, len(table), len(table))
        again = _assigned(_fit(table[drawn], number, seed + 1 + n, starts=2), table)
        present = np.zeros(len(table), dtype=bool)
        present[drawn] = True
        for each in range(number):
            here = (labels == each) & present
            found[n, each] = max(_jaccard(here, (again == other) & present) for other in range(number))
        if n + 1 == FIRST_RESAMPLES and found[: n + 1].mean(axis=0).max() < HOPELESS:
            return np.zeros(number)
    return np.asarray(found.mean(axis=0))


def _jaccard(one: Any, other: Any) -> float:
    either = int((one | other).sum())
    return float((one & other).sum() / either) if either else 0.0


# The picture


def _dummies(table: Matrix) -> Matrix:
    """A column a level, of equal weight a feature; what is missing stands in the middle."""
    columns = []
    for column in table.T:
        known = ~np.isnan(column)
        levels = np.unique(column[known])
        for level in levels:
            share = float((column[known] == level).mean())
            spread = max(np.sqrt(share * (1 - share) * len(levels)), 1e-9)
            columns.append(np.where(known, (column == level) - share, 0.0) / spread)
    return np.column_stack(columns)


def _picture(table: Matrix, random: np.random.Generator) -> list[tuple[int, float, float]]:
    """Some of the rows, and where they lie on the two main directions: (row, x, y), each from 0 to 1."""
    rows = np.sort(random.permutation(len(table))[:SHOWN])
    places = PCA(n_components=2, random_state=0, svd_solver="full").fit_transform(_dummies(table[rows]))
    places -= places.min(axis=0)
    places /= np.maximum(places.max(axis=0), 1e-9)
    return [(int(row), round(float(x), 3), round(float(y), 3)) for row, (x, y) in zip(rows, places, strict=True)]


def _drawn(points: list[tuple[int, float, float]], labels: Labels) -> list[tuple[float, float, int]]:
    return [(x, y, int(labels[row])) for row, x, y in points]
