"""What conditions lean on while they are turned into SQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


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
    event_name: ClassVar[str] = "CASE e.kind WHEN 'track' THEN e.name ELSE e.kind END"  # SQL over alias e

    def bind(self, value: Any) -> str:
        """A placeholder for a value; every word of a user reaches SQL this way and no other."""
        name = f"c{len(self.parameters) + 1}"
        self.parameters[name] = value
        return f"%({name})s"

    def count_events(self, matches: str, *, after: str = "", window: str = "") -> str:
        """SQL: how many of the lead's events up to `at` match; never those of machines.

        `matches` is a test over alias `e` (a row of view `lead_event`); `after`, an instant, is excluded;
        `window`, an interval, ends at `at`.
        """
        bounds = self.time_bounds(after=after, window=window)
        return (
            f"(SELECT count(*) FROM lead_event e WHERE e.workspace_id = {self.lead}.workspace_id"  # noqa: S608
            f" AND e.lead_id = {self.lead}.id AND e.actor <> 'machine' AND {bounds} AND {matches})"
        )

    def time_bounds(self, *, after: str = "", window: str = "") -> str:
        bounds = [f"e.occurred_at <= {self.at}"]
        if after:
            bounds.append(f"e.occurred_at > {after}")
        if window:
            bounds.append(f"e.occurred_at > {self.at} - {window}")
        return " AND ".join(bounds)
