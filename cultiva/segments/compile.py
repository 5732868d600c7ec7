"""From the criteria of one or many segments to the CTEs that judge leads; refreshing and counting run the same ones.

The events are read once, whatever the number of segments. l, e, t, j are the aliases the fragments use:

    touched   l  the leads asked about; `asked` has a bit a segment: whether that one is asked of this lead; a column
                 a condition that asks no events, however many segments ask it
    happened  e  their events; a column a test says which of them count
    counted   t  one row a lead: how many events pass each test, and the instants at which they leave their window
    judged    j  segment_id, lead_id, holds, and next_at: when time alone may change that

Everybody and their events are scanned by parallel workers, which cannot look into a list of values. Where what is
asked for is one, the test is NULL and `is_unknown` says that the lead is to be judged by name.

The caller gives workspace, at and until (events after `at`, up to `until`, only move next_at), and for named leads
leads and asked.
"""

# ruff: noqa: S608 (the statement is built of our own fragments; every value is bound)

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cultiva.criteria.conditions.event import EventHappened, Times
from cultiva.criteria.context import ACTS, ANY, Context
from cultiva.criteria.figures import Figure
from cultiva.criteria.language import AllOf, Condition, Node, Not, compile_predicate, conditions_of
from cultiva.criteria.one_pass import OnePass
from cultiva.criteria.personas import Persona, reads_with
from cultiva.criteria.values import JsonValue
from cultiva.segments.conditions.segment import InSegment


@dataclass(frozen=True)
class Wanted:
    """One segment to be compiled."""

    id: int
    node: Node
    takes_only_valid: bool


@dataclass(frozen=True)
class Judging:
    """CTEs up to `judged`, to stand between WITH and a statement; and the values they need."""

    steps: str
    parameters: dict[str, Any]


@dataclass
class JudgingContext(OnePass):
    """Beside what the one pass counts, the instants at which that may change by time alone."""

    personas: Mapping[str, Persona] = field(default_factory=dict)
    looks_into_lists: bool = True
    needs_edges: bool = True
    facts: dict[str, str] = field(default_factory=dict)  # {sql: name}, columns of `touched`
    lists: list[str] = field(default_factory=list)  # whether a lead has a list under a name that is asked for
    tests: list[str] = field(default_factory=list)  # columns of `happened`, of everybody
    keeps_all: bool = False  # events that count for nothing as well
    edges: list[str] = field(default_factory=list)  # of the segment being compiled: instants or NULL
    steps: Sequence[int] | None = None  # of the condition being compiled: counts at which it may turn; None: each

    def attribute(self, name: str) -> JsonValue:
        value = JsonValue.at_path(
            f"{self.lead}.attributes", f"{self.lead}.folded", [name], self, self.dialect.number_in
        )
        if self.looks_into_lists:
            return value
        self.lists.append(f"(ascii({value.stored}) = 91 AND jsonb_typeof({value.json}) = 'array')")
        return replace(value, looks_into_lists=False)

    def property(self, path: Sequence[str]) -> JsonValue:
        value = JsonValue.at_path("e.properties", "e.folded", path, self, self.dialect.number_in)
        return replace(value, looks_into_lists=self.looks_into_lists)

    def figure(self, figure: Figure, matches: str, *, after: str = "", window: str = "") -> str:
        test = self.add_test(matches, after=after, window=window)
        found = self.counted(figure, matches, test)
        if window and self.needs_edges:
            self.edges += self._edges(test, found, window)
        return found

    def add_test(self, matches: str, *, after: str = "", window: str = "") -> str:
        """Of named leads an event is looked at once for all the windows it may lie in."""
        if not self.asks_everybody:
            self.windows.append(window)
            return f"({self.time_bounds(after=after, window=window)} AND e.{self.add_column(matches)})"
        test = super().add_test(matches, after=after, window=window)
        self.tests.append(test)
        return test

    def add_fact(self, sql: str) -> str:
        """SQL over `touched`: what is asked of a named lead alone."""
        return f"l.{self.facts.setdefault(sql, f'fact_{len(self.facts) + 1}')}"

    def _edges(self, test: str, count: str, window: str) -> list[str]:
        """When the count falls to one at which the condition may turn: then the event next above it leaves."""
        if self.steps is None:
            return [f"{self.add_count(f'min(e.occurred_at) FILTER (WHERE {test})')} + {window}"]
        edges = [f"{self.add_count(f'max(e.occurred_at) FILTER (WHERE {test})')} + {window}"] * (0 in self.steps)
        if higher := [step for step in self.steps if step > 0]:
            # Sorted lead by lead: an ordered aggregate would sort the whole ledger.
            instants = self.add_count(f"array_agg(e.occurred_at) FILTER (WHERE {test})")
            newest = f"SELECT i FROM unnest({instants}) i ORDER BY i DESC OFFSET"
            edges += [f"CASE WHEN {count} > {step} THEN ({newest} {step} LIMIT 1) + {window} END" for step in higher]
        return edges


def judge(
    segments: Sequence[Wanted],
    *,
    timezone: str,
    personas: Mapping[str, Persona] | None = None,
    everybody: bool = False,
    with_edges: bool = True,
    looks_into_lists: bool = True,
) -> Judging:
    """How to judge the leads of %(leads)s, each for the segments its bits in %(asked)s name; or everybody, for all.

    Who only counts needs no edges: next_at is NULL then.
    """
    known = personas or {}
    context = JudgingContext(
        timezone=timezone, personas=known, asks_everybody=everybody, needs_edges=with_edges,
        looks_into_lists=looks_into_lists,
    )  # fmt: skip
    rows = [_row(each, number, context) for number, each in enumerate(segments)]
    if any(reads_with(each.node, known).is_daily for each in segments):
        context.keeps_all = True  # an event that does not count today may do so tomorrow
    steps = [_touched(segments, context)]
    if context.columns:
        steps += [_happened(frozenset(context.events), context), _counted(context)]
    steps.append(_judged(rows, context, only_with_events=all(needs_events(each.node) for each in segments)))
    return Judging(",\n".join(steps), context.parameters)


def _row(segment: Wanted, number: int, context: JudgingContext) -> str:
    context.edges = []
    for condition in conditions_of(segment.node) if context.needs_edges else ():
        context.edges += _own_edges(condition, context)
    holds = _compile(segment.node, context)
    if segment.takes_only_valid:
        holds = f"(l.is_valid AND {holds})"
    if context.needs_edges and reads_with(segment.node, context.personas).events:
        context.edges.append("t.upcoming")
    next_at = f"least({', '.join(context.edges)})" if context.edges else "NULL::timestamptz"
    if context.edges and needs_events(segment.node):
        next_at = f"CASE WHEN t.lead_id IS NOT NULL THEN {next_at} END"
    if context.asks_everybody:
        return f"({segment.id}::bigint, {holds}, {next_at})"
    asked = f"get_bit(l.asked, {number}) = 1"
    return (
        f"(CASE WHEN {asked} THEN {segment.id}::bigint END, {asked} AND {holds}, CASE WHEN {asked} THEN {next_at} END)"
    )


def _compile(node: Node, context: JudgingContext) -> str:
    """`compile_predicate`, which tells the context of each condition first at which counts it may turn."""
    if isinstance(node, Condition):
        context.steps = steps_of(node)
        holds = compile_predicate(node, context)
        asks_events = reads_with(node, context.personas).events
        return holds if context.asks_everybody or asks_events else context.add_fact(holds)
    if isinstance(node, Not):
        return f"(NOT {_compile(node.node, context)})"
    joint, nothing = (" AND ", "true") if isinstance(node, AllOf) else (" OR ", "false")
    return f"({joint.join(_compile(child, context) for child in node.nodes) or nothing})"


def steps_of(condition: Condition) -> list[int] | None:
    """The counts of events in the window that an event condition tells apart from the next higher one."""
    if not isinstance(condition, EventHappened) or condition.figure.kind != "count":
        return None
    times = condition.times or Times(at_least=1)
    steps = {each - 1 for each in (times.at_least, times.exactly) if each}
    return sorted(steps | {each for each in (times.at_most, times.exactly) if each is not None})


def needs_events(node: Node) -> bool:
    """Whether nobody meets the criteria, now or by time alone, to whom none of the events happened they ask for."""
    if isinstance(node, EventHappened):
        times = node.times or Times(at_least=1)
        return node.figure.kind == "count" and bool(times.at_least or times.exactly)
    if isinstance(node, AllOf):
        return any(needs_events(child) for child in node.nodes)
    if isinstance(node, (Condition, Not)):
        return False
    return bool(node.nodes) and all(needs_events(child) for child in node.nodes)


def _own_edges(condition: Condition, context: JudgingContext) -> list[str]:
    """When the answer may change by time alone, beside events that leave their window."""
    if isinstance(condition, EventHappened):
        return [f"CASE WHEN t.lead_id IS NOT NULL THEN {context.next_midnight} END"] * condition.reads().is_daily
    said = condition.next_change(context)
    return [said] if said else []


def _touched(segments: Sequence[Wanted], context: JudgingContext) -> str:
    needs_marks = any(each.takes_only_valid for each in segments)
    only_valid = all(each.takes_only_valid for each in segments)
    valid = "m.valid_since IS NOT NULL" if needs_marks else "true"
    join = "LEFT JOIN consent_mark m ON m.workspace_id = l.workspace_id AND m.lead_id = l.id" if needs_marks else ""
    if context.asks_everybody and not any(_reads_lead(each.node) for each in segments):
        # Whose events alone are asked for needs no wide row.
        return _valid_people() if only_valid else _people(valid, join)
    # Who went with the import that brought them has a row and no state, and is nobody.
    is_there = "JOIN lead_state s ON s.workspace_id = l.workspace_id AND s.lead_id = l.id"
    columns = f"l.id, l.workspace_id, l.attributes, l.folded, {valid} AS is_valid"
    if context.asks_everybody:
        people = (
            f"lead l {join} WHERE m.valid_since IS NOT NULL" if only_valid else f"lead l {is_there} {join} WHERE true"
        )
        return f"""touched AS NOT MATERIALIZED (
  SELECT {columns} FROM {people} AND l.workspace_id = %(workspace)s AND l.merged_into_id IS NULL)"""
    facts = "".join(f", {sql} AS {name}" for sql, name in context.facts.items())
    return f"""touched AS MATERIALIZED (
  SELECT {columns}{facts}, given.asked::varbit AS asked
    FROM unnest(%(leads)s::bigint[], %(asked)s::text[]) AS given(lead_id, asked)
    JOIN lead l ON l.workspace_id = %(workspace)s AND l.id = given.lead_id AND l.merged_into_id IS NULL
    {is_there} {join})"""


def _valid_people() -> str:
    """Who was merged keeps their marks; who went with an import does not."""
    return """touched AS NOT MATERIALIZED (
  SELECT m.lead_id AS id, m.workspace_id, true AS is_valid FROM consent_mark m
   WHERE m.workspace_id = %(workspace)s AND m.valid_since IS NOT NULL
     AND NOT EXISTS (SELECT FROM lead_alias a WHERE a.workspace_id = %(workspace)s AND a.merged_id = m.lead_id))"""


def _people(valid: str, join: str) -> str:
    """Every lead that is there has a row of state."""
    return f"""touched AS NOT MATERIALIZED (
  SELECT l.id, l.workspace_id, {valid} AS is_valid
    FROM (SELECT lead_id AS id, workspace_id FROM lead_state WHERE workspace_id = %(workspace)s) l {join})"""


def _reads_lead(node: Node) -> bool:
    return not all(isinstance(each, (EventHappened, InSegment)) for each in conditions_of(node))


# Events that staff said a machine did: a few, looked up once. Elsewhere view lead_event does that.
NOT_MARKED = "e.id <> ALL (ARRAY(SELECT x.event_id FROM machine_event x WHERE x.workspace_id = %(workspace)s))"


def _happened(names: frozenset[str], context: JudgingContext) -> str:
    """Of named leads: what view lead_event gives, asked of each month once for all of them instead of lead by lead."""
    human = f"e.actor <> 'machine' AND {NOT_MARKED}"
    tests = f"{human} AND e.occurred_at <= %(until)s{context.oldest_wanted()} AND {_named(names, context)}"
    columns = ", ".join(["e.occurred_at", *context.columns])
    if context.asks_everybody:
        return _happened_to_everybody(columns, tests, context)
    events = (
        f"SELECT *, {Context.event_name} AS event_name FROM event e WHERE e.workspace_id = %(workspace)s AND {tests}"
    )
    return f"""once AS MATERIALIZED (
  SELECT l.id AS lead_id, l.id AS own_id FROM touched l
   UNION ALL
  SELECT l.id, a.merged_id FROM touched l
    JOIN lead_alias a ON a.workspace_id = %(workspace)s AND a.lead_id = l.id
), browsers AS MATERIALIZED (
  SELECT l.id AS lead_id, v.visitor FROM touched l
    JOIN visitor_link v ON v.workspace_id = %(workspace)s AND v.lead_id = l.id
), happened AS MATERIALIZED (
  SELECT o.lead_id, {columns}
    FROM ({events} AND e.lead_id = ANY (ARRAY(SELECT own_id FROM once)) OFFSET 0) e JOIN once o ON o.own_id = e.lead_id
   UNION ALL
  SELECT b.lead_id, {columns}
    FROM ({events} AND e.lead_id IS NULL AND e.visitor = ANY (ARRAY(SELECT visitor FROM browsers)) OFFSET 0) e
    JOIN browsers b ON b.visitor = e.visitor)"""


def _happened_to_everybody(columns: str, tests: str, context: JudgingContext) -> str:
    """What view lead_event gives, for leads that were not merged: one scan in place of three, tested where it is read.

    Events of a merged lead are the kept one's; those of a visitor without a lead are nobody's. OFFSET 0 has every test
    done once, where the event is read: otherwise its properties travel through the joins to be looked at again.
    """
    counts = ["true"] if context.keeps_all else [f"{test} IS NOT FALSE" for test in context.tests]
    wanted = " OR ".join([*counts, f"e.occurred_at > {context.at}"])
    return f"""happened AS NOT MATERIALIZED (
  SELECT coalesce(a.lead_id, e.own_lead_id, v.lead_id) AS lead_id, e.*
    FROM (SELECT *
            FROM (SELECT e.workspace_id, e.lead_id AS own_lead_id, e.visitor, {columns}
                    FROM (SELECT *, {Context.event_name} AS event_name FROM event e
                           WHERE e.workspace_id = %(workspace)s AND {tests}) e) e
           WHERE {wanted} OFFSET 0) e
    LEFT JOIN visitor_link v ON e.own_lead_id IS NULL AND v.workspace_id = e.workspace_id AND v.visitor = e.visitor
    LEFT JOIN lead_alias a ON a.workspace_id = e.workspace_id AND a.merged_id = e.own_lead_id
   WHERE e.own_lead_id IS NOT NULL OR v.lead_id IS NOT NULL)"""


def _named(names: frozenset[str], context: JudgingContext) -> str:
    """Asked by columns, whose statistics the planner knows. A track event's name is its name; any other's the kind."""
    acts = set(ACTS) if ANY in names else set()
    kinds = context.bind(sorted(acts | (names - {"track"})))
    return (
        f"(e.kind = 'track' AND e.name = ANY ({context.bind(sorted(names))}::text[]) OR e.kind = ANY ({kinds}::text[]))"
    )


def _counted(context: JudgingContext) -> str:
    upcoming = f"min(e.occurred_at) FILTER (WHERE e.occurred_at > {context.at}) AS upcoming"
    columns = ["e.lead_id", upcoming, *context.counts]
    if context.asks_everybody:
        unknown = " OR ".join(f"{test} IS NULL" for test in context.tests)
        columns.append(f"bool_or({unknown}) AS is_unknown" if not context.looks_into_lists else "false AS is_unknown")
    return f"""counted AS {"NOT " * context.asks_everybody}MATERIALIZED (
  SELECT {", ".join(columns)} FROM happened e GROUP BY e.lead_id)"""


def _judged(rows: Sequence[str], context: JudgingContext, *, only_with_events: bool) -> str:
    values = ",\n      ".join(rows)
    counted = "LEFT JOIN counted t ON t.lead_id = l.id" if context.columns else ""
    if context.asks_everybody and only_with_events:
        counted = "JOIN counted t ON t.lead_id = l.id"
    if not context.asks_everybody:
        return f"""judged AS MATERIALIZED (
  SELECT j.segment_id, l.id AS lead_id, j.holds, j.next_at
    FROM touched l {counted} CROSS JOIN LATERAL (VALUES
      {values}) AS j(segment_id, holds, next_at)
   WHERE j.segment_id IS NOT NULL)"""
    of_events = ["coalesce(t.is_unknown, false)"] if context.columns else []
    unknown = f"({' OR '.join([*of_events, *dict.fromkeys(context.lists)]) or 'false'})"
    matters = f"WHERE j.holds OR j.next_at IS NOT NULL OR {unknown}" if context.needs_edges else ""
    return f"""judged AS NOT MATERIALIZED (
  SELECT j.segment_id, l.id AS lead_id, j.holds, j.next_at, {unknown} AS is_unknown
    FROM touched l {counted} CROSS JOIN LATERAL (VALUES
      {values}) AS j(segment_id, holds, next_at)
   {matters})"""
