"""Scoring in plain Python, as docs/reference says it: slow, obvious, from the document, one lead at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum, inf
from typing import Any
from zoneinfo import ZoneInfo

from cultiva.criteria.tests.cast import Act, Person
from cultiva.criteria.tests.reference import When, at_path, figure_holds, holds, identity, matching

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Result:
    raw: list[float]  # of each rule, before its clamp
    after: list[float]  # and after it
    dimensions: dict[str, float]  # clamped, not rounded
    total: float

    @property
    def shown_total(self) -> float:
        return shown(self.total)


def evaluate(model: Any, person: Person, at: datetime, written_at: datetime) -> Result:
    raw = [rule_result(rule, model, person, at, written_at) for rule in model["rules"]]
    after = [clamp(figure, rule) for figure, rule in zip(raw, model["rules"], strict=True)]
    only = next(iter(model["dimensions"]))
    dimensions = {
        name: clamp(fsum(p for p, r in zip(after, model["rules"], strict=True) if r.get("dimension", only) == name), d)
        for name, d in model["dimensions"].items()
    }
    total = fsum(d.get("weight", 1) * dimensions[name] for name, d in model["dimensions"].items())
    return Result(raw, after, dimensions, clamp(total, model.get("total", {})))


def rule_result(rule: Any, model: Any, person: Person, at: datetime, written_at: datetime) -> float:
    when = rule["when"]
    if "event" not in when:
        zone = model.get("timezone", "Europe/Madrid")
        return float(rule["points"] if holds(when, person, at, written_at, zone) else 0)
    window = {"within_days": rule["window_days"]} if "window_days" in rule else {}
    acts = matching({**when, **window}, person.acts, When(at, written_at, model.get("timezone", "Europe/Madrid")))
    is_counted = not {"times", "distinct", "sum", "max"}.isdisjoint(when)
    if is_counted and not figure_holds(acts, when):
        return 0.0
    count = rule.get("count", "once" if is_counted else "each")
    if count == "once" and is_counted and not acts:
        return float(rule["points"])
    groups = grouped(count, rule, model, acts, written_at)
    latest = [min(group, key=lambda act: act.age) for group in groups]
    return float(rule["points"] * fsum(weight(rule, at - (written_at - act.age)) for act in latest))


def grouped(count: str, rule: Any, model: Any, acts: Sequence[Act], written_at: datetime) -> list[list[Act]]:
    groups: dict[Any, list[Act]] = {}
    for number, act in enumerate(acts):
        key: Any = number if count == "each" else "all"
        if count == "per_day":
            key = (written_at - act.age).astimezone(ZoneInfo(model.get("timezone", "Europe/Madrid"))).date()
        if count == "per_distinct":
            key = identity(at_path(act.properties, rule["distinct"]))
            if key is None:
                continue
        groups.setdefault(key, []).append(act)
    return list(groups.values())


def weight(rule: Any, age: timedelta) -> float:
    days = age / DAY
    match rule.get("ageing", {}):
        case {"half_life_days": life}:
            return float(0.5 ** (days / life))
        case {"linear_days": end}:
            return max(0.0, 1 - days / float(end))
        case {"expires_days": end}:
            return 1.0 if days < end else 0.0
    return 1.0


def clamp(figure: float, bounds: Any) -> float:
    return float(max(min(figure, bounds.get("max", inf)), bounds.get("min", -inf)))


def shown(figure: float) -> float:
    """Python's round gives ties to the even digit, as rint does; 0.0 + -0.0 is 0.0."""
    return 0.0 + round(figure * 1e6) / 1e6


def temperature(model: Any, total: float, previous: str | None = None) -> str | None:
    if "temperature" not in model:
        return None
    limits = model["temperature"]
    hysteresis = limits.get("hysteresis", 0)
    if total >= limits["hot"] - (hysteresis if previous == "hot" else 0):
        return "hot"
    return "warm" if total >= limits["warm"] - (hysteresis if previous in ("hot", "warm") else 0) else "cold"


def grade(model: Any, dimensions: dict[str, float]) -> str | None:
    if "grade" not in model:
        return None
    interest = model.get("interest_grade")
    return step(model["grade"], "ABCD", dimensions) + (step(interest, "1234", dimensions) if interest else "")


def step(limits: Any, steps: str, dimensions: dict[str, float]) -> str:
    figure = shown(dimensions[limits.get("dimension", next(iter(dimensions)))])
    return next((each for each in steps[:-1] if figure >= limits[each]), steps[-1])
