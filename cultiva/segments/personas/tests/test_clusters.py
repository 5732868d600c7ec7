"""Planted groups are found, and noise of many shapes is no group."""

from typing import Any

import numpy as np
import pytest

from cultiva.segments.personas.clusters import Feature, find_groups

Table = tuple[list[Feature], Any]


def found(table: Table) -> Any:
    return find_groups(*table, seed=7, progress=lambda step, share: None)


def category(random: Any, size: int, levels: int) -> Any:
    return random.choice(levels, size, p=random.dirichlet(np.full(levels, 2.0))).astype(float)


def quarters(column: Any) -> Any:
    return np.digitize(column, np.quantile(column, [0.25, 0.5, 0.75])).astype(float)


def independent(random: Any, size: int) -> Table:
    """Attributes that have nothing to do with each other."""
    levels = [4, 5, 3, 6, 2, 2, 2]
    numbers = [random.lognormal(0, 2, size), random.uniform(size=size), random.exponential(size=size) ** 3]
    columns = [*(category(random, size, each) for each in levels), *(quarters(each) for each in numbers)]
    return [*map(Feature, levels), *[Feature(4, is_ordered=True)] * 3], np.column_stack(columns)


def with_gaps(random: Any, size: int) -> Table:
    features, table = independent(random, size)
    table[random.random(table.shape) < 0.45] = np.nan
    return features, table


def one_trend(random: Any, size: int) -> Table:
    """Large companies have large budgets, many seats and big farms: one long cloud."""
    trend = random.normal(size=size)
    columns = [quarters(0.75 * trend + 0.66 * random.normal(size=size)) for _ in range(8)]
    return [Feature(4, is_ordered=True)] * 8, np.column_stack(columns)


def two_trends(random: Any, size: int) -> Table:
    trends = random.normal(size=(size, 2))
    columns = [(0.8 * trends[:, n % 2] + 0.6 * random.normal(size=size) > 0).astype(float) for n in range(12)]
    return [Feature(2)] * 12, np.column_stack(columns)


def eagerness(random: Any, size: int) -> Table:
    """Some do a lot of everything, most do little of anything."""
    rate = random.gamma(0.6, 2, size)
    columns = [np.minimum(2, random.poisson(rate * each)).astype(float) for each in np.linspace(0.1, 0.9, 10)]
    columns += [category(random, size, 5) for _ in range(3)]
    return [*[Feature(3, is_ordered=True)] * 10, *[Feature(5)] * 3], np.column_stack(columns)


@pytest.mark.parametrize("size", [120, 400, pytest.param(800, marks=pytest.mark.slow)])
@pytest.mark.parametrize("noise", [independent, with_gaps, one_trend, two_trends, eagerness])
def test_noise_of_any_shape_and_size_is_no_group(noise: Any, size: int) -> None:
    answer = found(noise(np.random.default_rng([size, 1]), size))
    assert answer.groups == []
    assert answer.why_none in ("one", "trend", "unstable")


def planted(random: Any, size: int, shares: list[float], *, likeness: float = 0.9) -> tuple[Table, Any]:
    """Groups with their own most common level of eight columns, beside six columns that say nothing; with gaps."""
    truth = random.choice(len(shares), size, p=shares)
    own = random.permuted(np.tile(np.arange(5), (8, 1)), axis=1)
    columns = [
        np.where(random.random(size) < likeness, own[n][truth % 5], random.integers(0, 5, size)).astype(float)
        for n in range(8)
    ]
    columns += [category(random, size, 4) for _ in range(6)]
    table = np.column_stack(columns)
    table[random.random(table.shape) < 0.15] = np.nan
    return ([*[Feature(5)] * 8, *[Feature(4)] * 6], table), truth


@pytest.mark.parametrize(
    ("size", "shares", "likeness"),
    [
        (200, [0.5, 0.5], 0.9),
        (300, [0.4, 0.3, 0.3], 0.8),
        (400, [0.85, 0.15], 0.8),
        (400, [0.3, 0.3, 0.2, 0.2], 0.9),
        pytest.param(600, [0.4, 0.3, 0.3], 0.7, marks=pytest.mark.slow),
        pytest.param(1200, [0.85, 0.15], 0.7, marks=pytest.mark.slow),
        pytest.param(1000, [0.3, 0.3, 0.2, 0.2], 0.8, marks=pytest.mark.slow),
    ],
)
def test_planted_groups_are_found_and_come_back(size: int, shares: list[float], likeness: float) -> None:
    table, truth = planted(np.random.default_rng([size, 2]), size, shares, likeness=likeness)
    answer = found(table)
    assert len(answer.groups) == len(shares)
    for group in answer.groups:
        assert group.stability >= 0.75
        members = truth[group.members]
        home = np.bincount(members).argmax()
        assert (members == home).mean() > 0.9
        assert len(members) > 0.9 * (truth == home).sum()


def test_the_same_seed_gives_the_same_answer() -> None:
    table, _truth = planted(np.random.default_rng(5), 300, [0.5, 0.5])
    assert found(table) == found(table)


def test_a_handful_of_leads_is_looked_at_by_eye() -> None:
    table, _truth = planted(np.random.default_rng(5), 40, [0.5, 0.5])
    assert found(table).why_none == "few"
