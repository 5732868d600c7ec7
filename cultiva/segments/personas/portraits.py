"""What sets a group apart, and the few conditions by which it is known again.

A trait compares how many of the group a condition holds for with how many of the others: the lift is their ratio, the
standardized difference Cohen's h, 2·asin√p − 2·asin√q (0.2 is small, 0.5 middling, 0.8 large: Cohen, Statistical Power
Analysis, 1988). Values of a choice are put together as long as that widens the difference: managers and directors.
Criteria are chosen one by one: that which finds the group best together with those before it, by the harmonic mean of
precision and recall of closeness ≥ 0.5. Weights are the log odds ratios of the conditions, from 1 to 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

MOST_TRAITS = 8
LEAST_DIFFERENCE = 0.3
LEAST_INSIDE, LEAST_OWN, MOST_VALUES = 0.05, 0.15, 4  # of the values of a choice that are put together
MOST_CRITERIA = 6
MOST_TRIED = 24
LEAST_GAIN = 0.01
CLOSE_ENOUGH = 0.5


@dataclass(frozen=True)
class Candidate:
    """Holds where the column has one of the levels."""

    column: int
    levels: Sequence[int]
    takes_unknown: bool = False


@dataclass(frozen=True)
class Trait:
    """Shares of whom it holds for, of those of whom the column is known; `others` are all leads outside the group."""

    candidate: Candidate
    inside: float
    others: float
    lift: float | None  # None: it holds for nobody else
    difference: float


@dataclass(frozen=True)
class Portrait:
    """`criteria`: [(condition, weight)], and what they find of the group in this table."""

    traits: list[Trait]
    criteria: list[tuple[Candidate, int]]
    precision: float
    recall: float


def draw(
    table: Array, candidates: Sequence[Candidate], choices: dict[int, Sequence[int]], members: Sequence[int]
) -> Portrait:
    """`choices`: {column: levels that may be put together}."""
    inside = np.zeros(len(table), dtype=bool)
    inside[list(members)] = True
    known = [*candidates, *_put_together(table, choices, inside)]
    holds = np.array([_holds(table[:, each.column], each) for each in known])
    criteria = _choose(holds, [each.column for each in known], inside)
    found = _closeness(holds, criteria) >= CLOSE_ENOUGH if criteria else np.zeros(len(table), dtype=bool)
    right = float((found & inside).sum())
    return Portrait(
        _traits(table, known, inside), [(known[n], weight) for n, weight in criteria],
        right / max(1.0, float(found.sum())), right / max(1.0, float(inside.sum())),
    )  # fmt: skip


def _holds(column: Array, candidate: Candidate) -> Flags:
    found = np.isin(column, list(candidate.levels))
    return np.asarray(found | np.isnan(column) if candidate.takes_unknown else found)


def _put_together(table: Array, choices: dict[int, Sequence[int]], inside: Flags) -> list[Candidate]:
    """Of each choice the values that are the group's, where there are several: the most telling first."""
    found = []
    for column, levels in choices.items():
        alone = [trait for level in levels if (trait := _trait(table, Candidate(column, [level]), inside))]
        chosen: list[int] = []
        reached = 0.0
        for each in sorted(alone, key=lambda trait: (-trait.difference, trait.candidate.levels)):
            both = _trait(table, Candidate(column, [*chosen, *each.candidate.levels]), inside)
            is_own = each.inside >= LEAST_INSIDE and each.difference >= LEAST_OWN and len(chosen) < MOST_VALUES
            if is_own and both and both.difference > reached:
                chosen, reached = [*both.candidate.levels], both.difference
        if 1 < len(chosen) < len(levels):
            found.append(Candidate(column, chosen))
    return found


def _traits(table: Array, candidates: Sequence[Candidate], inside: Flags) -> list[Trait]:
    """The strongest first, one a column. That something never happened is told only of who has nothing else."""
    found = [trait for each in candidates if (trait := _trait(table, each, inside))]
    positive = [trait for trait in found if not trait.candidate.takes_unknown]
    best: dict[int, Trait] = {}
    for each in positive or found:
        column = each.candidate.column
        is_wanted = each.difference >= LEAST_DIFFERENCE and each.inside >= 2 * LEAST_INSIDE
        if is_wanted and (column not in best or each.difference > best[column].difference):
            best[column] = each
    return sorted(best.values(), key=lambda trait: (-trait.difference, trait.candidate.column))[:MOST_TRAITS]


def _trait(table: Array, candidate: Candidate, inside: Flags) -> Trait | None:
    column = table[:, candidate.column]
    known = ~np.isnan(column)
    here, there = known & inside, known & ~inside
    if not here.any() or not there.any():
        return None
    holds = np.isin(column, list(candidate.levels))
    p, q = float(holds[here].mean()), float(holds[there].mean())
    difference = float(2 * np.arcsin(np.sqrt(p)) - 2 * np.arcsin(np.sqrt(q)))
    return Trait(candidate, round(p, 4), round(q, 4), round(p / q, 2) if q else None, round(difference, 3))


def _choose(holds: Flags, columns: Sequence[int], inside: Flags) -> list[tuple[int, int]]:
    """One after the other, or two together where no single one helps: of two, each alone is enough; of three, two."""
    weighed = [(n, weight) for n in range(len(columns)) if (weight := _weight(holds[n], inside))]
    alone = sorted(weighed, key=lambda each: (-_found(holds, [each], inside), each[0]))[:MOST_TRIED]
    chosen: list[tuple[int, int]] = []
    reached = 0.0
    while len(chosen) < MOST_CRITERIA:
        taken = {columns[n] for n, _weight in chosen}
        free = [each for each in alone if columns[each[0]] not in taken]
        steps = [[each] for each in free]
        best = max(((_found(holds, [*chosen, *step], inside), -n) for n, step in enumerate(steps)), default=(0.0, 0))
        if chosen and best[0] < reached + LEAST_GAIN and len(chosen) <= MOST_CRITERIA - 2:
            steps = [[a, b] for a, b in combinations(free, 2) if columns[a[0]] != columns[b[0]]]
            best = max(((_found(holds, [*chosen, *step], inside), -n) for n, step in enumerate(steps)), default=(0, 0))
        if best[0] < reached + LEAST_GAIN:
            break
        reached = best[0]
        chosen += steps[-best[1]]
    return chosen


def _weight(holds: Flags, inside: Flags) -> int:
    """0 where it says too little of the group."""
    p = (float(holds[inside].sum()) + 0.5) / (float(inside.sum()) + 1)
    q = (float(holds[~inside].sum()) + 0.5) / (float((~inside).sum()) + 1)
    if p < 0.25 or p - q < 0.15:
        return 0
    return int(np.clip(round(float(np.log(p / (1 - p) / (q / (1 - q))))), 1, 5))


def _closeness(holds: Flags, criteria: Sequence[tuple[int, int]]) -> Array:
    weights = np.array([weight for _n, weight in criteria], dtype=float)
    return np.asarray(weights @ holds[[n for n, _weight in criteria]] / weights.sum())


def _found(holds: Flags, criteria: Sequence[tuple[int, int]], inside: Flags) -> float:
    """The harmonic mean of precision and recall."""
    found = _closeness(holds, criteria) >= CLOSE_ENOUGH
    right = float((found & inside).sum())
    return 2 * right / max(1.0, float(found.sum() + inside.sum()))
