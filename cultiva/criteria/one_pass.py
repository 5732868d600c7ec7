"""Criteria over many leads at once: their events are read once, and each event condition is a column of that pass.

happened    e  the events that any condition asks for; a column per test says for which it counts
counted     t  one row a lead: the figures of the tests
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar

from cultiva.criteria.context import Context
from cultiva.criteria.figures import Figure


@dataclass
class OnePass(Context):
    """The caller puts `columns` into `happened`, `counts` into `counted`, and joins that to the leads as t."""

    event_name: ClassVar[str] = "e.event_name"
    columns: list[str] = field(default_factory=list)  # of `happened`
    counts: list[str] = field(default_factory=list)  # of `counted`
    windows: list[str] = field(default_factory=list)  # one a test; "" looks back without limit
    events: set[str] = field(default_factory=set)  # names that are asked for, by personas as well

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
        return figure.of_nobody(self.add_count(figure.aggregate(column, f"e.{test}")))

    def add_test(self, matches: str, *, after: str = "", window: str = "") -> str:
        """A boolean column of `happened`; returns its name."""
        self.windows.append(window)
        return self.add_column(f"({self.time_bounds(after=after, window=window)} AND {matches})")

    def add_column(self, sql: str) -> str:
        """Any column of `happened`; returns its name."""
        self.columns.append(f"{sql} AS column_{len(self.columns) + 1}")
        return f"column_{len(self.columns)}"

    def add_count(self, sql: str) -> str:
        """Any aggregate over `happened`; returns its name in `counted`."""
        self.counts.append(f"{sql} AS count_{len(self.counts) + 1}")
        return f"t.count_{len(self.counts)}"

    def oldest_wanted(self) -> str:
        """Where every test has a window, older months stay closed: an event is received after it occurred."""
        if not self.windows:
            return " AND false"
        if not all(self.windows):
            return ""
        oldest = f"{self.at} - greatest({', '.join(self.windows)})"
        return f" AND e.occurred_at > {oldest}{self.received_since(oldest)}"

    def received_since(self, oldest: str) -> str:
        return f" AND e.received_at > {oldest} - interval '1 minute'"

    def is_any_of(self, names: Collection[str]) -> str:
        """SQL over `e`: whether some condition may ask for the event."""
        return " OR ".join(self.event_is(name) for name in sorted(names))
