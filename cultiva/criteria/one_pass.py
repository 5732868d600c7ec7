"""Criteria over many leads at once: their events are read once, and each event condition is a column of that pass.

happened    e  the events that any condition asks for; a column per test says for which it counts
counted     t  one row a lead: the figures of the tests
"""

# ruff: noqa: S608 (the statement is built of our own fragments; every value is bound)

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from cultiva.criteria.context import ACTS, ANY, Context
from cultiva.criteria.figures import Figure


@dataclass
class OnePass(Context):
    """The caller puts `columns` into `happened`, `counts` into `counted`, and joins that to the leads as t."""

    event_name: ClassVar[str] = "e.event_name"
    named_columns: dict[str, str] = field(default_factory=dict)  # {sql: name}, of `happened`
    named_counts: dict[str, str] = field(default_factory=dict)  # of `counted`
    windows: list[str] = field(default_factory=list)  # one a test; "" looks back without limit
    events: set[str] = field(default_factory=set)  # names that are asked for, by personas as well

    @property
    def columns(self) -> list[str]:
        return [f"{sql} AS {name}" for sql, name in self.named_columns.items()]

    @property
    def counts(self) -> list[str]:
        return [f"{sql} AS {name}" for sql, name in self.named_counts.items()]

    def event_is(self, name: str) -> str:
        self.events.add(name)
        return super().event_is(name)

    def figure(self, figure: Figure, matches: str, *, after: str = "", window: str = "") -> str:
        test = self.add_test(matches, after=after, window=window)
        return self.counted(figure, matches, test)

    def counted(self, figure: Figure, matches: str, test: str) -> str:
        """SQL over t: the figure of the events that pass a test."""
        value = figure.value(self.property)
        column = f"e.{self.add_column(f'CASE WHEN {matches} THEN {value} END')}" if value else ""
        return figure.of_nobody(self.add_count(figure.aggregate(column, test)))

    def add_test(self, matches: str, *, after: str = "", window: str = "") -> str:
        """SQL over `happened`: a boolean column of it."""
        self.windows.append(window)
        return f"e.{self.add_column(f'({self.time_bounds(after=after, window=window)} AND {matches})')}"

    def add_column(self, sql: str) -> str:
        """Any column of `happened`; returns its name."""
        return self.named_columns.setdefault(sql, f"column_{len(self.named_columns) + 1}")

    def add_count(self, sql: str) -> str:
        """Any aggregate over `happened`; returns its name in `counted`."""
        return f"t.{self.named_counts.setdefault(sql, f'count_{len(self.named_counts) + 1}')}"

    def happened_to_each(
        self, names: Collection[str], *, until: str, ledger: str = "lead_event", keys: Sequence[str] = ("e.lead_id",)
    ) -> str:
        """The step `happened`, over a step `touched l` of leads; `names` are asked for beside those of the tests.

        Read lead by lead: OFFSET 0 keeps the planner from joining the whole ledger where it lacks statistics.
        """
        wanted = self.events.union(names)
        listed, acts = self.bind(sorted(wanted)), self.bind(list(ACTS) if ANY in wanted else [])
        return f"""happened AS MATERIALIZED (
  SELECT {", ".join([*keys, "e.id", "e.occurred_at", *self.columns])}
    FROM touched l CROSS JOIN LATERAL (
      SELECT *, {Context.event_name} AS event_name FROM {ledger} e
       WHERE e.workspace_id = %(workspace)s AND e.lead_id = l.id
         AND e.actor <> 'machine' AND e.occurred_at <= {until}{self.oldest_wanted()}
         AND ({Context.event_name} = ANY ({listed}::text[]) OR e.kind = ANY ({acts}::text[]))
      OFFSET 0) e)"""

    def oldest_wanted(self) -> str:
        """Where every test has a window, older months stay closed: an event is received after it occurred."""
        if not self.windows:
            return " AND false"
        if not all(self.windows):
            return ""
        oldest = f"{self.at} - greatest({', '.join(dict.fromkeys(self.windows))})"
        return f" AND e.occurred_at > {oldest}{self.received_since(oldest)}"

    def received_since(self, oldest: str) -> str:
        return f" AND e.received_at > {oldest} - interval '1 minute'"

    def is_any_of(self, names: Collection[str]) -> str:
        """SQL over `e`: whether some condition may ask for the event."""
        return " OR ".join(self.event_is(name) for name in sorted(names))
