"""Why a score is what it is: every point with its rule and events, and what each cap cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import floor, fsum
from typing import Any

from cultiva.scoring.model import LANGUAGES, Rule, ScoringModel

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ExplainedEvent:
    id: int
    name: str  # of a track event its name, of any other its kind
    occurred_at: datetime
    weight: float | None  # 0: it matches and adds nothing; None: evidence for a tree, which weighs no events
    properties: dict[str, Any]


@dataclass(frozen=True)
class ExplainedRule:
    """`points` is the rule's setting, `raw` its result before and `after_rule_cap` after its own clamp.

    `events` are the latest that match (at most 50), latest first; `event_count` counts all of them.
    `next_change_at`: when time alone may change the result.
    """

    key: str
    words: Mapping[str, str]  # {es, en}
    side: str  # predictive | retrospective
    dimension: str
    points: float
    raw: float
    after_rule_cap: float
    events: tuple[ExplainedEvent, ...]
    event_count: int
    next_change_at: datetime | None


@dataclass(frozen=True)
class ExplainedDimension:
    """`value` is clamped and not rounded: the sum of its rules' after_rule_cap, plus `cut`."""

    name: str
    weight: float
    value: float
    cut: float
    shown: float


@dataclass(frozen=True)
class Explanation:
    """A score as of `at`: `total` is the sum of weight × value over the dimensions, plus `cut`.

    `temperature` and `grade` are those of then, None where the model has none.
    """

    model: str
    version: int
    lead_id: int
    at: datetime
    rules: tuple[ExplainedRule, ...]
    dimensions: tuple[ExplainedDimension, ...]
    total: float
    cut: float
    shown_total: float
    temperature: str | None
    grade: str | None
    next_change_at: datetime | None


def explained_rules(model: ScoringModel, row: Row, evidence: Sequence[Row]) -> tuple[ExplainedRule, ...]:
    """From a row of `totalled` and the rows of `CompiledModel.evidence`, latest first."""
    return tuple(
        _explained_rule(rule, number, row, [each for each in evidence if each["rule"] == number])
        for number, rule in enumerate(model.rules)
    )


def _explained_rule(rule: Rule, number: int, row: Row, evidence: Sequence[Row]) -> ExplainedRule:
    return ExplainedRule(
        key=rule.key,
        words={language: rule.words(language) for language in LANGUAGES},
        side=rule.side,
        dimension=rule.dimension,
        points=rule.points,
        raw=row[f"raw_{number}"],
        after_rule_cap=row[f"points_{number}"],
        events=tuple(_explained_event(each) for each in evidence),
        event_count=evidence[0]["count"] if evidence else 0,
        next_change_at=row[f"next_{number}"],
    )


def _explained_event(row: Row) -> ExplainedEvent:
    return ExplainedEvent(row["id"], row["name"], row["occurred_at"], row["weight"], row["properties"])


def explained_dimensions(
    model: ScoringModel, row: Row, rules: Sequence[ExplainedRule]
) -> tuple[ExplainedDimension, ...]:
    shown = row["dimensions"]
    return tuple(
        ExplainedDimension(
            name=dimension.name,
            weight=dimension.weight,
            value=row[f"dimension_{number}"],
            cut=cut_of(row[f"dimension_{number}"], [r.after_rule_cap for r in rules if r.dimension == dimension.name]),
            shown=float(shown[dimension.name]),
        )
        for number, dimension in enumerate(model.dimensions)
    )


def cut_of(figure: float, parts: Sequence[float]) -> float:
    """What a cap took away, or gave: parts + cut = figure."""
    return figure - fsum(parts)


@dataclass(frozen=True)
class Displayed:
    """An explanation in tenths, for a screen, adding up exactly: the rules of a dimension and its cut are the
    dimension; the dimensions and `cut` are the total.

    All figures are points of the total: those of a dimension are already multiplied by its weight.
    """

    total: Decimal
    cut: Decimal
    dimensions: Mapping[str, Decimal]
    dimension_cuts: Mapping[str, Decimal]
    rules: Mapping[str, Decimal]


def displayed(explanation: Explanation) -> Displayed:
    """The parts of a score rounded to tenths so that they still add up.

    What rounding leaves over goes to the parts with the greatest remainders, first from the total to the
    dimensions, then from each dimension to its rules.
    """
    parts = {dimension.name: dimension.weight * dimension.value for dimension in explanation.dimensions}
    total = round(explanation.shown_total * 10)
    *dimensions, cut = apportion([*parts.values(), explanation.cut], total)
    rules: dict[str, int] = {}
    cuts: dict[str, int] = {}
    for dimension, tenths in zip(explanation.dimensions, dimensions, strict=True):
        of_it = [rule for rule in explanation.rules if rule.dimension == dimension.name]
        exact = [*(rule.after_rule_cap for rule in of_it), dimension.cut]
        *shares, cuts[dimension.name] = apportion([dimension.weight * part for part in exact], tenths)
        rules |= {rule.key: share for rule, share in zip(of_it, shares, strict=True)}
    return Displayed(
        total=_tenths(total),
        cut=_tenths(cut),
        dimensions={name: _tenths(share) for name, share in zip(parts, dimensions, strict=True)},
        dimension_cuts={name: _tenths(share) for name, share in cuts.items()},
        rules={rule.key: _tenths(rules[rule.key]) for rule in explanation.rules},
    )


def apportion(parts: Sequence[float], total: int) -> list[int]:
    """Whole tenths for parts whose sum rounds to `total` tenths: the method of largest remainders."""
    floors = [floor(part * 10) for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda n: (floors[n] - parts[n] * 10, n))
    for n in by_remainder[: total - sum(floors)]:
        floors[n] += 1
    return floors


def _tenths(number: int) -> Decimal:
    return Decimal(number) / 10
