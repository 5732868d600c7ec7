"""What comes: how a score changes by time alone, what would bring the lead into the next band, and how it was.

Everything here is computed by the steps of the score itself (`supposing`); nothing is estimated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import islice, pairwise
from math import ceil
from typing import Any

from cultiva.criteria.conditions.event import EventHappened
from cultiva.criteria.language import conditions_of
from cultiva.leads.history import attributes_as_of
from cultiva.lib.database import workspace_scope
from cultiva.scoring.actions import explain_under
from cultiva.scoring.explanation import ExplainedEvent, ExplainedRule, Explanation
from cultiva.scoring.fulfilling import MOST_ACTS, Fulfilment, act_for, fulfilment_of, with_value
from cultiva.scoring.model import Rule
from cultiva.scoring.models import ModelVersion
from cultiva.scoring.supposing import LeadUnder, SupposedAct, Supposition

Row = dict[str, Any]

CHANGES = 6  # listed
INSTANTS = 12  # looked at for them
FADING = timedelta(days=7)  # smooth ageing is told over a week
PROPOSALS = 5
SAMPLES = 45  # of the picture
HISTORY = timedelta(days=120)
BEGINNING = datetime.min.replace(tzinfo=UTC)
DAY = 86_400_000_000  # microseconds
LEAST = 0.05  # of a point: less is not seen in tenths


@dataclass(frozen=True)
class Change:
    """By time alone a rule gives `points` more or fewer (of the total, its dimension's weight counted) at `at`.

    `event` is what leaves its window or expires then; None where another reason changes it. `is_gradual`: it fades from
    now until `at`. `total`: what the score shows then.
    """

    at: datetime
    rule: ExplainedRule
    points: float
    event: ExplainedEvent | None
    is_gradual: bool
    total: float


@dataclass(frozen=True)
class Step:
    """Of a proposal: `times` events of a rule, or what would be told (empty: nothing)."""

    rule: ExplainedRule
    times: int
    told: dict[str, Any]


@dataclass(frozen=True)
class Proposal:
    """What the lead would do or tell, and the score that shows then; `reaches` the next band or comes nearer."""

    steps: tuple[Step, ...]
    total: float
    reaches: bool


@dataclass(frozen=True)
class Outlook:
    """`band` is the next above the shown total: warm, hot, or empty where there is none; `limit` where it begins."""

    changes: tuple[Change, ...]
    band: str
    limit: float | None
    proposals: tuple[Proposal, ...]
    history: tuple[tuple[datetime, float | None], ...]  # (instant, shown total; None: no score), oldest first


def explain_fully(
    *, workspace_id: int, lead_id: int, model: ModelVersion, at: datetime
) -> tuple[Explanation, Outlook] | None:
    """The explanation of a score as of `at` with its outlook and the history before. None: no score then."""
    with workspace_scope(workspace_id):
        under = LeadUnder.of(workspace_id=workspace_id, lead_id=lead_id, version=model)
        explanation = explain_under(under, at)
        if explanation is None:
            return None
        return explanation, _outlook(under, explanation, at - min(HISTORY, at - BEGINNING))


def _outlook(under: LeadUnder, explanation: Explanation, since: datetime) -> Outlook:
    at = explanation.at
    samples, instants = sampled(explanation, since), _coming(under, explanation)
    band, limit = _next_band(under, explanation)
    known = attributes_as_of(workspace_id=under.workspace_id, lead_id=under.lead_id, instants=[at])[0]
    ways = _ways(under, explanation, known, limit)
    asked = [Supposition(instant) for instant in [*samples, at, *instants]]
    asked += [Supposition(at, way.told, way.acts) for _step, way in ways]
    rows = iter(under.rows(asked))
    history = [(instant, _shown(row)) for instant, row in zip(samples, rows, strict=False)]
    return Outlook(
        changes=tuple(_changes(under, explanation, [at, *instants], list(islice(rows, len(instants) + 1)))),
        band=band,
        limit=limit,
        proposals=tuple(_proposals(under, explanation, ways, list(rows), limit)) if limit is not None else (),
        history=(*history, (at, explanation.shown_total)),
    )


def _shown(row: Row | None) -> float | None:
    return row["shown_total"] if row else None


# How it was


def sampled(explanation: Explanation, since: datetime) -> list[datetime]:
    """Instants before `at`, ascending: evenly spread, and those of the events that count, the latest first."""
    at = explanation.at
    even = [since + (at - since) * n / SAMPLES for n in range(SAMPLES)]
    happened = {event.occurred_at for rule in explanation.rules for event in rule.events}
    return sorted({*even, *sorted(when for when in happened if since <= when < at)[-SAMPLES:]})


# What time alone changes


def _coming(under: LeadUnder, explanation: Explanation) -> list[datetime]:
    """The next instants, ascending, at which a window, an expiry or a day may change a rule, and a week from now."""
    found = set[datetime]()
    for rule, told in zip(under.model.rules, explanation.rules, strict=True):
        if rule.points:
            found |= {instant for instant, _event in _leaving(rule, told)}
            found |= {told.next_change_at} if told.next_change_at and not _is_smooth(rule) else set()
    ahead = sorted(instant for instant in found if instant > explanation.at)[:INSTANTS]
    return sorted({*ahead, explanation.at + FADING})


def _leaving(rule: Rule, told: ExplainedRule) -> list[tuple[datetime, ExplainedEvent]]:
    """(instant, event) at which an event leaves a window of the rule, or expires."""
    spans = [rule.window_days] if rule.event else [
        each.within_days for each in conditions_of(rule.when) if isinstance(each, EventHappened)
    ]  # fmt: skip
    if rule.ageing and rule.ageing.kind == "expires":
        spans.append(rule.ageing.days)
    lasting = [_span(days) for days in spans if days is not None and days < MOST_DAYS]
    return [(event.occurred_at + span, event) for event in told.events for span in lasting]


MOST_DAYS = 36_500  # beyond a hundred years nothing is told


def _span(days: float) -> timedelta:
    return timedelta(microseconds=ceil(Fraction(days) * DAY))


def _is_smooth(rule: Rule) -> bool:
    return rule.ageing is not None and rule.ageing.kind != "expires"


def _changes(
    under: LeadUnder, explanation: Explanation, instants: Sequence[datetime], rows: Sequence[Row | None]
) -> list[Change]:
    """Soonest first. A rule that fades is told once, with what it loses in a week."""
    found, week = list[Change](), explanation.at + FADING
    for number, rule in enumerate(under.model.rules):
        weight = next(each.weight for each in explanation.dimensions if each.name == rule.dimension)
        told, leaving = explanation.rules[number], dict(_leaving(rule, explanation.rules[number]))
        known = [(at, row) for at, row in zip(instants, rows, strict=True) if row]
        if _is_smooth(rule):
            known = [(at, row) for at, row in known if at in (explanation.at, week)]
        for (_, before), (at, row) in pairwise(known):
            points = weight * (row[f"points_{number}"] - before[f"points_{number}"])
            if abs(points) >= LEAST:
                found.append(Change(at, told, points, leaving.get(at), _is_smooth(rule), row["shown_total"]))
    return sorted(found, key=lambda change: (change.at, change.rule.key))[:CHANGES]


# What would bring them into the next band


def _next_band(under: LeadUnder, explanation: Explanation) -> tuple[str, float | None]:
    limits = under.model.temperature
    if limits is None:
        return "", None
    above = [(limits.warm, "warm"), (limits.hot, "hot")]
    limit, band = next(((limit, band) for limit, band in above if explanation.shown_total < limit), (None, ""))
    return band, limit


Way = tuple[Step, Fulfilment]


def _ways(under: LeadUnder, explanation: Explanation, known: dict[str, Any], limit: float | None) -> list[Way]:
    """Of each rule that could give more: once, and as often as the missing points ask for."""
    if limit is None:
        return []
    missing, found = limit - explanation.shown_total, list[Way]()
    weights = {each.name: each.weight for each in explanation.dimensions}
    for rule, told in zip(under.model.rules, explanation.rules, strict=True):
        gain = weights[rule.dimension] * rule.points
        if rule.event and gain:
            found += _event_ways(rule, rule.event, told, gain, missing)
        elif gain > 0 and not told.raw and (way := fulfilment_of(rule.when, known)):
            fewer = [way.acts[:times] for times in range(1, len(way.acts))]  # some may have happened
            found += [(Step(told, len(acts), way.told), Fulfilment(way.told, acts)) for acts in (*fewer, way.acts)]
    return found


def _event_ways(rule: Rule, event: EventHappened, told: ExplainedRule, gain: float, missing: float) -> list[Way]:
    act = act_for(event)
    if act is None:
        return []
    if gain < 0:  # it is undone by what it says never happened
        is_undone = told.raw and event.times is not None and event.times.is_never
        return [(Step(told, 1, {}), Fulfilment(acts=(act,)))] if is_undone else []
    least = 1
    if event.times and event.figure.kind == "count":
        least = max(1, (event.times.exactly or event.times.at_least or 1) - told.event_count)
    often = {least, max(least, ceil(missing / gain))} if rule.count in ("each", "per_distinct") else {least}
    return [
        (Step(told, times, {}), Fulfilment(acts=tuple(_repeated(rule, event, act, times))))
        for times in sorted(often)
        if times <= MOST_ACTS
    ]


def _repeated(rule: Rule, event: EventHappened, act: SupposedAct, times: int) -> list[SupposedAct]:
    """What is counted by distinct values happens with as many."""
    path = rule.distinct or (event.figure.path if event.figure.kind == "distinct" else ())
    if not path:
        return [act] * times
    return [with_value(act, path, f"\N{MIDDLE DOT}{number}") for number in range(times)]


def _proposals(
    under: LeadUnder, explanation: Explanation, ways: Sequence[Way], rows: Sequence[Row | None], limit: float
) -> list[Proposal]:
    """Those that reach the band, fewest acts first; if none does, the best together until they do."""
    scored = [(step, way, row["shown_total"]) for (step, way), row in zip(ways, rows, strict=True) if row]
    better = [each for each in scored if each[2] - explanation.shown_total >= LEAST]
    reaching = [each for each in better if each[2] >= limit]
    fewest: dict[str, Proposal] = {}
    for step, _way, total in sorted(reaching, key=lambda each: (len(each[1].acts) + len(each[1].told), -each[2])):
        fewest.setdefault(step.rule.key, Proposal((step,), total, reaches=True))
    return list(fewest.values())[:PROPOSALS] or _together(under, explanation, better, limit)


def _together(
    under: LeadUnder, explanation: Explanation, better: Sequence[tuple[Step, Fulfilment, float]], limit: float
) -> list[Proposal]:
    best: dict[str, tuple[Step, Fulfilment, float]] = {}
    for each in sorted(better, key=lambda each: (-each[2], len(each[1].acts))):
        best.setdefault(each[0].rule.key, each)
    chosen = list(best.values())[:PROPOSALS]
    sums, steps = list[Fulfilment](), list[tuple[Step, ...]]()
    for number in range(2, len(chosen) + 1):
        sums.append(sum((way for _, way, _ in chosen[:number]), Fulfilment()))
        steps.append(tuple(step for step, _, _ in chosen[:number]))
    rows = under.rows([Supposition(explanation.at, way.told, way.acts) for way in sums])
    for several, row in zip(steps, rows, strict=True):
        if row and row["shown_total"] >= limit:
            return [Proposal(several, row["shown_total"], reaches=True)]
    return [Proposal((step,), total, reaches=False) for step, _, total in chosen[:3]]
