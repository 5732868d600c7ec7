"""What is counted of the events that a condition matches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cultiva.criteria.values import Value

# float64 ends at 1.8e308: amounts count as no more than this, so that no sum of them leaves it.
GREATEST = "1e300::float8"


@dataclass(frozen=True)
class Figure:
    """`count` of events, `distinct` values of a property, its `sum` or its `max`."""

    kind: str = "count"
    path: tuple[str, ...] = ()

    def value(self, property_of: Callable[[Sequence[str]], Value]) -> str:
        """SQL over one event; empty where events themselves are counted."""
        if self.kind == "count":
            return ""
        value = property_of(self.path)
        return value.identity if self.kind == "distinct" else value.number

    def aggregate(self, value: str, where: str = "") -> str:
        """SQL over many events; `where` is the test they must pass. 0 for none; of max, NULL."""
        passing = f" FILTER (WHERE {where})" if where else ""
        if self.kind == "count":
            return f"count(*){passing}"
        if self.kind == "distinct":
            return f"count(DISTINCT {value}){passing}"
        if self.kind == "max":
            return f"max({value}){passing}"
        amount = f"CASE WHEN abs({value}) > {GREATEST} THEN sign({value}) * {GREATEST} ELSE {value} END"
        return f"coalesce(sum({amount}){passing}, 0)"

    def of_nobody(self, aggregate: str) -> str:
        """SQL: an aggregate that was joined, for leads without any event, too."""
        return aggregate if self.kind == "max" else f"coalesce({aggregate}, 0)"


EACH = Figure()
