"""What conditions lean on while they are turned into SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Protocol

from cultiva.criteria.dialects import POSTGRES, Dialect
from cultiva.criteria.figures import Figure
from cultiva.criteria.values import JsonValue, Value

ANY = "any"
ACTS = ("track", "page", "screen")  # the kinds of events that a person causes
EVENTS_SHOWN = 10  # of a condition, in an explanation


class Closeness(Protocol):
    """What a condition needs of a persona."""

    def closeness(self, context: "Context") -> str: ...

    def next_change(self, context: "Context") -> str: ...


@dataclass
class Context:
    """One SQL statement under construction: who is asked about, as of when, and the values bound so far.

    `at` and the values of `since` are SQL expressions (timestamptz); `since` has the nodes a workflow offers.
    `lead` is the alias of table `lead`, or of any row with its id, workspace_id, attributes and folded.
    The caller runs the statement with `parameters` and its own (`at`, ...); ours are c1, c2, ...
    """

    timezone: str = "UTC"
    at: str = "%(at)s"
    since: Mapping[str, str] = field(default_factory=dict)
    lead: str = "l"
    parameters: dict[str, Any] = field(default_factory=dict)
    personas: Mapping[str, "Closeness"] = field(default_factory=dict)  # {key: persona}
    asks_everybody: bool = (
        False  # a condition may read a table once, in place of one look-up a lead; `workspace` is bound
    )
    names: dict[tuple[str, str], str] = field(default_factory=dict)  # of values bound so far
    dialect: ClassVar[Dialect] = POSTGRES
    event_name: ClassVar[str] = "CASE e.kind WHEN 'track' THEN e.name ELSE e.kind END"  # SQL over alias e
    has_workspace: ClassVar[bool] = True  # whether what rooms store of a lead can be read

    def bind(self, value: Any) -> str:
        """A placeholder for a value; every word of a user reaches SQL this way and no other.

        The same value has the same one: what asks the same reads the same, and need be worked out but once.
        """
        name = self.names.setdefault((type(value).__name__, repr(value)), f"c{len(self.parameters) + 1}")
        self.parameters[name] = value
        return self.dialect.placeholder(name)

    @cached_property
    def zone(self) -> str:
        return f"{self.bind(self.timezone)}::text"

    @property
    def today(self) -> str:
        """SQL: the local day of `at`."""
        return self.dialect.local_day(self.at, self.zone)

    @property
    def next_midnight(self) -> str:
        """SQL: the next instant at which a local day begins."""
        return f"(SELECT min(i.begin) FROM {self.begins_of(f'{self.today} + 1')} WHERE i.begin > {self.at})"  # noqa: S608

    def begins_of(self, day: str) -> str:
        """SQL: a table i(begin) of instants, of which the first after `at` is not later than the day's beginning.

        Where a clock is put back over midnight, that comes twice and PostgreSQL takes the second; 24 hours after
        the midnight before is the first.
        """
        zone, hours = self.zone, "interval '24 hours'"
        return (
            f"(VALUES (({day})::timestamp AT TIME ZONE {zone}),"
            f" ((({day}) - 1)::timestamp AT TIME ZONE {zone} + {hours})) AS i(begin)"
        )

    def texts_of_attribute(self, name: str) -> str:
        """SQL: a table v(text) of the texts under a name, of a list each; missing ones may be NULL."""
        json = f"({self.lead}.attributes -> {self.bind(name)}::text)"
        listed = f"CASE jsonb_typeof({json}) WHEN 'array' THEN {json} ELSE jsonb_build_array({json}) END"
        return f"jsonb_array_elements_text({listed}) AS v(text)"

    def attribute(self, name: str) -> Value:
        return self._json(f"{self.lead}.attributes", f"{self.lead}.folded", [name])

    def property(self, path: Sequence[str]) -> Value:
        """Of an event, over alias `e`."""
        return self._json("e.properties", "e.folded", path)

    def _json(self, object_: str, folded: str, path: Sequence[str]) -> Value:
        return JsonValue.at_path(object_, folded, path, self, self.dialect.number_in)

    def event_is(self, name: str) -> str:
        """SQL over `e`: whether an event goes by this name. A track event's name is its name; any other's the kind."""
        if name == ANY:
            return f"e.kind = ANY ({self.bind(list(ACTS))}::text[])"
        return f"{self.dialect.text(self.event_name)} = {self.bind(name)}::text"

    def figure(self, figure: Figure, matches: str, *, after: str = "", window: str = "") -> str:
        """SQL: the figure of the lead's events up to `at` that match; never those of machines.

        `matches` is a test over alias `e` (a row of view `lead_event`); `after`, an instant, is excluded;
        `window`, an interval, ends at `at`.
        """
        happened = self._happened(matches, after=after, window=window)
        return f"(SELECT {figure.aggregate(figure.value(self.property))} {happened})"

    def _happened(self, matches: str, *, after: str, window: str) -> str:
        bounds = self.time_bounds(after=after, window=window)
        if window:  # older months stay closed: an event is received after it occurred
            bounds += f" AND e.received_at > {self.at} - {window} - interval '1 minute'"
        return (
            f"FROM lead_event e WHERE e.workspace_id = {self.lead}.workspace_id"
            f" AND e.lead_id = {self.lead}.id AND e.actor <> 'machine' AND {bounds} AND {matches}"
        )

    def events_shown(self, figure: Figure, matches: str, *, after: str, window: str) -> str:
        """SQL: {count, figure, events: [{id, name, occurred_at}, ..]} as jsonb, the latest events first."""
        happened = self._happened(matches, after=after, window=window)
        one = "jsonb_build_object('id', x.id, 'name', x.event_name, 'occurred_at', x.occurred_at)"
        latest = (
            f"SELECT e.id, {self.event_name} AS event_name, e.occurred_at {happened}"
            f" ORDER BY e.occurred_at DESC, e.id DESC LIMIT {EVENTS_SHOWN}"
        )
        return (
            f"jsonb_build_object('count', (SELECT count(*) {happened}),"  # noqa: S608
            f" 'figure', (SELECT {figure.aggregate(figure.value(self.property))} {happened}),"
            f" 'events', (SELECT coalesce(jsonb_agg({one} ORDER BY x.occurred_at DESC, x.id DESC), '[]')"
            f" FROM ({latest}) x))"
        )

    def time_bounds(self, *, after: str = "", window: str = "") -> str:
        bounds = [f"e.occurred_at <= {self.at}"]
        if after:
            bounds.append(f"e.occurred_at > {after}")
        if window:
            bounds.append(f"e.occurred_at > {self.at} - {window}")
        return " AND ".join(bounds)
