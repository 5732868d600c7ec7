"""From a scoring model to SQL. Live scoring, explanation and runs over files use these same steps.

The events of the leads are read once. Each step is a CTE; l, e, t, g are the aliases the fragments use:

    touched     l  the leads that may be profiled, with their attributes
    happened    e  their events; a column per test says for which rule or condition an event counts
    counted     t  one row a lead: how many events pass each test of a condition inside a tree
    rule_<n>    g  one row a lead, for each rule that counts per day or per value: the sum of the weights; rules of
                   other ways to count are columns of `counted`
    ruled          raw_<n> and next_<n> of every rule: its result and the instant at which time alone changes it
    capped         points_<n>: the same after the rule's own clamp
    summed         sum_<n> of every dimension
    clamped        dimension_<n>: the same after its clamp
    totalled       sum, and total after the clamp
    computed       lead_id, total, dimensions (as shown), grade, points (of each rule, clamped), next_change_at

The caller gives workspace, leads, at and until: events after `at`, up to `until`, only move next_change_at. Over files
(scoring.bulk) the first two steps read the tables of criteria.bulk, and `at` alone is given.
"""

# ruff: noqa: S608 (the statement is built of our own fragments; every value is bound)

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cultiva.criteria.conditions.event import EventHappened, interval_of_days
from cultiva.criteria.context import Closeness
from cultiva.criteria.figures import Figure
from cultiva.criteria.language import compile_predicate, names_of, reads_of
from cultiva.criteria.one_pass import OnePass
from cultiva.scoring.model import Ageing, Bounds, Grade, Rule, ScoringModel

GROUPED = ("per_day", "per_distinct")
HALF_LIVES = 200  # 0.5^200 is 6e-61; PostgreSQL refuses powers too small for float64


@dataclass(frozen=True)
class RuleSql:
    """The fragments of one rule."""

    raw: str
    edges: Sequence[str]  # instants, or NULL, at which it may change
    step: str = ""  # rule_<n>, where events are grouped by day or by value
    evidence: str = ""  # SELECT id, occurred_at, weight of its events; empty: it reads none


@dataclass(frozen=True)
class Weighed:
    """The events of a bare event rule, as SQL over one row a lead; NULL, or 0 of `events`, where there are none."""

    events: str
    first: str  # when the first occurred
    weights: str  # the sum of what counts
    living: str  # when the first occurred of those that count and weigh more than nothing
    step: str = ""


@dataclass(frozen=True)
class CompiledModel:
    steps: str  # between WITH and a statement over `computed`
    evidence: str  # a statement after the steps: rule (from 0), id, occurred_at, weight, count; may be empty
    parameters: dict[str, Any]


class Source(Protocol):
    """Where an engine finds leads and events."""

    lead_id: str  # SQL over l
    most_listed: int | None  # events of each rule, in an explanation; None: all

    def read(self, model: ScoringModel, context: "ModelContext") -> Sequence[str]:
        """The steps before `counted`: the leads, and `happened`; asked for once all rules are compiled."""
        ...

    def joins(self, context: "ModelContext") -> str:
        """SQL after `touched l`: what the fragments over leads need beside them."""
        ...


@dataclass
class ModelContext(OnePass):
    """Inside a model, an event condition is a column of the one pass over the events, not a subquery."""

    until: str = "%(until)s"
    ledger: str = "lead_event"  # a table or CTE with the columns of that view
    key: str = "e.lead_id"  # SQL over l and e: what a result is of; `lead_id` in all steps but the first
    own_at: str = ""  # a column of `touched` and `happened`, where each row has an instant of its own
    rule_tests: list[str] = field(default_factory=list)  # of the tree being compiled
    edges: list[str] = field(default_factory=list)  # of the tree being compiled

    def figure(self, figure: Figure, matches: str, *, after: str = "", window: str = "") -> str:
        test = self.add_test(matches, after=after, window=window)
        self.rule_tests.append(test)
        if window:
            self.edges.append(f"{self.add_count(f'min(e.occurred_at) FILTER (WHERE {test})')} + {window}")
        return self.counted(figure, matches, test)


def compile_model(
    model: ScoringModel,
    *,
    timezone: str,
    personas: Mapping[str, Closeness] | None = None,
    is_supposed: bool = False,
) -> CompiledModel:
    """`timezone` serves a model that names none.

    With `is_supposed` the steps stand inside LATERAL beside a row `asked` with at, attributes and folded, and a CTE
    `lived` of events: one statement then scores a lead as of many instants, and as they would be.
    """
    context = ModelContext(timezone=model.timezone or timezone, personas=personas or {})
    if is_supposed:
        context.at, context.until, context.ledger = "asked.at", "asked.at", "lived"
    steps, evidence = compile_steps(model, context, Supposed() if is_supposed else Store())
    return CompiledModel(",\n".join([*steps, _computed(model, context)]), evidence, context.parameters)


def compile_along(
    model: ScoringModel, *, timezone: str, personas: Mapping[str, Closeness] | None = None
) -> CompiledModel:
    """As `compile_model`, of many leads as of many instants at once: `asked` is bound as JSON, a list of number,
    lead_id, at, attributes (NULL: the present ones) and folded. In the steps lead_id is the number."""
    context = ModelContext(timezone=model.timezone or timezone, personas=personas or {})
    context.at, context.until, context.key, context.own_at = "asked_at", "asked_at", "l.number", "asked_at"
    steps, evidence = compile_steps(model, context, Along())
    return CompiledModel(",\n".join([*steps, _computed(model, context)]), evidence, context.parameters)


def compile_steps(model: ScoringModel, context: ModelContext, source: Source) -> tuple[list[str], str]:
    """(the steps up to `totalled`, the statement of the evidence)"""
    rules = [_compile_rule(rule, number, context) for number, rule in enumerate(model.rules)]
    ruled = _ruled(rules, source.lead_id, source.joins(context))
    added_up = list(_added_up(model, context))
    steps = [
        *source.read(model, context),
        _counted(context),
        *(rule.step for rule in rules if rule.step),
        ruled,
        *added_up,
    ]
    return steps, _evidence(rules, source.most_listed)


# The fourth mark: without a valid lead and a basis, or against an objection, nobody is profiled.
TOUCHED = """touched AS MATERIALIZED (
  SELECT l.id, l.workspace_id, l.attributes, l.folded FROM lead l
    JOIN consent_mark m ON m.workspace_id = l.workspace_id AND m.lead_id = l.id
   WHERE l.workspace_id = %(workspace)s AND l.id = ANY (%(leads)s::bigint[])
     AND m.workspace_id = %(workspace)s AND m.lead_id = ANY (%(leads)s::bigint[])
     AND m.valid_since IS NOT NULL AND m.profiled_since IS NOT NULL AND m.objected_at IS NULL)"""

SUPPOSED = """touched AS MATERIALIZED (
  SELECT l.id, l.workspace_id, asked.attributes, asked.folded FROM lead l
   WHERE l.workspace_id = %(workspace)s AND l.id = ANY (%(leads)s::bigint[]))"""


ALONG = """touched AS MATERIALIZED (
  SELECT l.id, asked.number, l.workspace_id, asked.at AS asked_at,
         CASE WHEN asked.attributes IS NULL THEN l.attributes ELSE asked.attributes END AS attributes,
         CASE WHEN asked.attributes IS NULL THEN l.folded ELSE asked.folded END AS folded
    FROM jsonb_to_recordset(%(asked)s::jsonb)
         AS asked(number bigint, lead_id bigint, at timestamptz, attributes jsonb, folded jsonb)
    JOIN lead l ON l.workspace_id = %(workspace)s AND l.id = asked.lead_id)"""


class Store:
    """The leads of a batch in PostgreSQL, and the view of the ledger."""

    lead_id = "l.id"
    most_listed: int | None = 50

    def read(self, model: ScoringModel, context: ModelContext) -> Sequence[str]:
        return [TOUCHED, _happened(model, context)]

    def joins(self, context: ModelContext) -> str:
        return ""


class Supposed(Store):
    """One lead as of an instant that is asked for, or as they would be."""

    def read(self, model: ScoringModel, context: ModelContext) -> Sequence[str]:
        return [SUPPOSED, _happened(model, context)]


class Along(Store):
    """Many leads as of many instants."""

    lead_id = "l.number"
    most_listed: int | None = None

    def read(self, model: ScoringModel, context: ModelContext) -> Sequence[str]:
        return [ALONG, _happened(model, context)]


def _happened(model: ScoringModel, context: ModelContext) -> str:
    names = frozenset[str]().union(*(names_of(rule.when) for rule in model.rules))
    own_at = [f"l.{context.own_at}"] if context.own_at else []
    return context.happened_to_each(
        names, until=context.until, ledger=context.ledger, keys=[f"{context.key} AS lead_id", *own_at]
    )


def _counted(context: ModelContext) -> str:
    upcoming = f"min(e.occurred_at) FILTER (WHERE e.occurred_at > {context.at}) AS upcoming"
    return f"""counted AS MATERIALIZED (
  SELECT {", ".join(["e.lead_id", upcoming, *context.counts])} FROM happened e GROUP BY e.lead_id)"""


def _compile_rule(rule: Rule, number: int, context: ModelContext) -> RuleSql:
    if rule.event:
        return _compile_event_rule(rule, rule.event, number, context)
    return _compile_tree(rule, context)


def _compile_tree(rule: Rule, context: ModelContext) -> RuleSql:
    context.rule_tests, context.edges = [], []
    raw = f"CASE WHEN {compile_predicate(rule.when, context)} THEN {_float(rule.points, context)} ELSE 0 END"
    if reads_of(rule.when).is_daily:
        context.edges.append(_next_midnight(context))
    tests = " OR ".join(context.rule_tests)
    evidence = f"SELECT e.id, e.occurred_at, NULL::float8 AS weight FROM happened e WHERE {tests}"
    return RuleSql(raw, context.edges if rule.points else [], evidence=evidence if tests else "")


def _compile_event_rule(rule: Rule, event: EventHappened, number: int, context: ModelContext) -> RuleSql:
    """points × Σ of the weight of each group's latest event; what makes a group is `count`."""
    g = f"g{number}"
    window = interval_of_days(rule.window_days, context) if rule.window_days else ""
    matches = event.matches(context)
    test = context.add_test(matches, window=window)
    group = _group(rule, matches, context)
    weigh = _weigh_groups if rule.count in GROUPED else _weigh_at_once
    found = weigh(rule, number, group, test, context)
    satisfied = _satisfied(event, matches, test, found, context)
    # `once` with a number asked for may be satisfied by no event at all.
    weights = f"coalesce({found.weights}, {1 if rule.count == 'once' and event.is_counted else 0})"
    joined = f"JOIN rule_{number} {g} ON {g}.lead_id = e.lead_id " if found.step else ""
    return RuleSql(
        raw=f"CASE WHEN {satisfied} THEN {_float(rule.points, context)} * {weights} ELSE 0 END",
        edges=_edges(rule, found, window, context) if rule.points else [],
        step=found.step,
        evidence=f"""SELECT e.id, e.occurred_at,
       CASE WHEN {satisfied} AND {group} IS NOT NULL AND row_number() OVER (
                   PARTITION BY e.lead_id, {group} ORDER BY e.occurred_at DESC, e.id DESC) = 1
            THEN {_weight(rule.ageing, "e.occurred_at", context)} ELSE 0 END AS weight
  FROM happened e {joined}JOIN counted t ON t.lead_id = e.lead_id
 WHERE {test}""",
    )


def _weigh_at_once(rule: Rule, number: int, group: str, test: str, context: ModelContext) -> Weighed:
    """Every event, or the latest alone: filtered aggregates of the one pass."""

    def aggregate(figure: str, where: str = test) -> str:
        return context.add_count(f"{figure} FILTER (WHERE {where})")

    events, first = aggregate("count(*)"), aggregate("min(e.occurred_at)")
    if rule.count == "each":
        weight = _weight(rule.ageing, "e.occurred_at", context)
        living = aggregate("min(e.occurred_at)", f"{test} AND {weight} > 0") if rule.ageing else first
        return Weighed(events, first, aggregate(f"sum({weight})") if rule.ageing else f"{events}::float8", living)
    latest = aggregate("max(e.occurred_at)")
    weights = f"CASE WHEN {latest} IS NOT NULL THEN {_weight(rule.ageing, latest, context)} END"
    return Weighed(events, first, weights, f"CASE WHEN ({weights}) > 0 THEN {latest} END")


def _weigh_groups(rule: Rule, number: int, group: str, test: str, context: ModelContext) -> Weighed:
    g = f"g{number}"
    own_at = f", min(e.{context.own_at}) AS {context.own_at}" if context.own_at else ""
    step = f"""rule_{number} AS MATERIALIZED (
  SELECT lead_id, sum(events) AS events, min(first) AS first, sum(weight) AS weights,
         min(latest) FILTER (WHERE weight > 0) AS living
    FROM (SELECT *, CASE WHEN value IS NULL THEN 0 ELSE {_weight(rule.ageing, "latest", context)} END AS weight
            FROM (SELECT e.lead_id, {group} AS value, count(*) AS events, min(e.occurred_at) AS first,
                         max(e.occurred_at) AS latest{own_at}
                    FROM happened e WHERE {test} GROUP BY 1, 2) grouped) weighed
   GROUP BY lead_id)"""
    return Weighed(f"{g}.events", f"{g}.first", f"{g}.weights", f"{g}.living", step)


def _satisfied(event: EventHappened, matches: str, test: str, found: Weighed, context: ModelContext) -> str:
    if not event.is_counted:
        return "true"
    is_count = event.figure.kind == "count"
    figure = f"coalesce({found.events}, 0)" if is_count else context.counted(event.figure, matches, test)
    return f"coalesce({event.satisfied(figure, context)}, false)"


def _group(rule: Rule, matches: str, context: ModelContext) -> str:
    """SQL over e: events with the same value count once, by their latest; those with NULL never count."""
    if rule.count == "per_day":
        return f"(e.occurred_at AT TIME ZONE {context.bind(context.timezone)}::text)::date"
    if rule.count == "per_distinct":
        value = context.property(rule.distinct).identity
        return f"e.{context.add_column(f'CASE WHEN {matches} THEN {value} END')}"
    return "e.id" if rule.count == "each" else "1"


def _weight(ageing: Ageing | None, instant: str, context: ModelContext) -> str:
    """SQL: the weight of an event of that instant, from 1 down to 0."""
    if ageing is None:
        return "1::float8"
    if ageing.kind == "expires":
        return f"({instant} > {context.at} - {interval_of_days(ageing.days, context)})::int::float8"
    age = f"{context.dialect.days_between(instant, context.at)} / {_float(ageing.days, context)}"
    if ageing.kind == "linear":
        return f"greatest(0, 1 - {age})"
    return f"CASE WHEN {age} > {HALF_LIVES} THEN 0 ELSE power(0.5::float8, {age}) END"


def _edges(rule: Rule, found: Weighed, window: str, context: ModelContext) -> list[str]:
    edges = [_next_midnight(context)] if reads_of(rule.when).is_daily else []
    if window:
        # A number is of every event of the window; without one only those that bear weight matter.
        edges.append(f"{found.first if rule.event and rule.event.is_counted else found.living} + {window}")
    if rule.ageing and rule.ageing.kind == "expires":
        edges.append(f"{found.living} + {interval_of_days(rule.ageing.days, context)}")
    elif rule.ageing:
        edges.append(f"CASE WHEN {found.weights} > 0 THEN {_next_midnight(context)} END")
    return edges


def _next_midnight(context: ModelContext) -> str:
    """SQL: the next local midnight after `at`; where that hour does not exist, the first instant after it."""
    zone = f"{context.bind(context.timezone)}::text"
    return f"((({context.at} AT TIME ZONE {zone})::date + 1)::timestamp AT TIME ZONE {zone})"


def _ruled(rules: Sequence[RuleSql], lead_id: str, more: str) -> str:
    columns = [f"{lead_id} AS lead_id", "t.upcoming"]
    joins = [more, f"LEFT JOIN counted t ON t.lead_id = {lead_id}"]
    for number, rule in enumerate(rules):
        next_change = f"least({', '.join(rule.edges)})" if rule.edges else "NULL::timestamptz"
        columns += [f"({rule.raw})::float8 AS raw_{number}", f"{next_change} AS next_{number}"]
        if rule.step:
            joins.append(f"LEFT JOIN rule_{number} g{number} ON g{number}.lead_id = {lead_id}")
    return f"ruled AS MATERIALIZED (\n  SELECT {', '.join(columns)}\n    FROM touched l {' '.join(joins)})"


def _added_up(model: ScoringModel, context: ModelContext) -> Iterable[str]:
    """The steps from the rules' results to the total; nothing is rounded on the way."""
    points = [f"{_clamped(f'raw_{n}', rule.bounds, context)} AS points_{n}" for n, rule in enumerate(model.rules)]
    yield f"capped AS MATERIALIZED (SELECT *, {', '.join(points)} FROM ruled)"
    sums = []
    for n, dimension in enumerate(model.dimensions):
        of_it = [f"points_{r}" for r, rule in enumerate(model.rules) if rule.dimension == dimension.name]
        sums.append(f"{' + '.join(of_it) or '0::float8'} AS sum_{n}")
    yield f"summed AS MATERIALIZED (SELECT *, {', '.join(sums)} FROM capped)"
    clamped, weighed = [], []
    for n, dimension in enumerate(model.dimensions):
        clamped.append(f"{_clamped(f'sum_{n}', dimension.bounds, context)} AS dimension_{n}")
        weighed.append(f"{_float(dimension.weight, context)} * dimension_{n}")
    yield f"clamped AS MATERIALIZED (SELECT *, {', '.join(clamped)} FROM summed)"
    total = _clamped("sum", model.total, context)
    yield f"""totalled AS MATERIALIZED (
  SELECT *, {total} AS total FROM (SELECT *, {" + ".join(weighed)} AS sum FROM clamped) weighed)"""


def _clamped(figure: str, bounds: Bounds, context: ModelContext) -> str:
    if bounds.max is not None:
        figure = f"least({figure}, {_float(bounds.max, context)})"
    if bounds.min is not None:
        figure = f"greatest({figure}, {_float(bounds.min, context)})"
    return figure


def _computed(model: ScoringModel, context: ModelContext) -> str:
    figures = [context.dialect.shown(f"dimension_{n}") for n in range(len(model.dimensions))]
    shown = [f"{context.bind(d.name)}::text, {f}" for d, f in zip(model.dimensions, figures, strict=True)]
    points = ", ".join(f"points_{number}" for number in range(len(model.rules)))
    edges = ["upcoming", *(f"next_{number}" for number in range(len(model.rules)))]
    return f"""computed AS (
  SELECT lead_id, {context.dialect.shown("total")} AS total, jsonb_build_object({", ".join(shown)}) AS dimensions,
         {graded(model, context)} AS grade, ARRAY[{points}]::float8[] AS points,
         least({", ".join(edges)}) AS next_change_at
    FROM totalled)"""


def graded(model: ScoringModel, context: ModelContext) -> str:
    """SQL over `totalled`: the letter of the shown dimension, or letter and number; NULL without `grade`."""
    steps = [_step_reached(each, model, context) for each in (model.grade, model.interest_grade) if each]
    return " || ".join(steps) or "NULL::text"


def _step_reached(grade: Grade, model: ScoringModel, context: ModelContext) -> str:
    place = [dimension.name for dimension in model.dimensions].index(grade.dimension)
    figure = context.dialect.shown(f"dimension_{place}")
    steps = [f"WHEN {figure} >= {_float(limit, context)} THEN '{step}'" for step, limit in grade.limits.items()]
    return f"CASE {' '.join(steps)} ELSE '{grade.last}' END"


def _evidence(rules: Sequence[RuleSql], most: int | None) -> str:
    limit = f" LIMIT {most}" if most else ""
    parts = [
        f"(SELECT {number} AS rule, x.*, count(*) OVER () AS count FROM ({rule.evidence}) x"
        f" ORDER BY x.occurred_at DESC, x.id DESC{limit})"
        for number, rule in enumerate(rules)
        if rule.evidence
    ]
    return "\nUNION ALL\n".join(parts)


def _float(number: float, context: ModelContext) -> str:
    return f"{context.bind(number)}::float8"
