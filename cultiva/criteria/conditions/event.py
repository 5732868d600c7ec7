"""`{event: page, where: [..], times: {at_least: 3}, within_days: 30}`: what the lead did."""

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any, Self

from django.utils.translation import gettext_lazy as _

from cultiva.criteria.comparisons import Comparison, Value
from cultiva.criteria.conditions.base import Condition
from cultiva.criteria.context import Context
from cultiva.criteria.reading import read_count, read_days, read_text
from cultiva.criteria.words import JOINTS, NOTHING, count_words, days_words, event_words, join, pick
from cultiva.lib.documents import DocumentError, check_keys

ANY = "any"
ACTS = ("track", "page", "screen")  # the kinds of events that a person causes
DAY = 86_400_000_000  # microseconds
LONGEST = 365_000 * DAY  # a thousand years: further back, instants leave the calendar


@dataclass(frozen=True)
class PropertyTest:
    """One line of `where`."""

    path: tuple[str, ...]
    comparison: Comparison

    @classmethod
    def read(cls, document: Any, place: str) -> Self:
        if not isinstance(document, dict) or "property" not in document:
            raise DocumentError(place, f"`property` is missing in {document!r}", "{property: path, is: /precios}")
        path = read_path(document["property"], f"{place}.property")
        return cls(path, Comparison.read(document, place, subject="property"))

    def predicate(self, context: Context) -> str:
        return self.comparison.predicate(property_value(self.path, context), context)


@dataclass(frozen=True)
class Times:
    """How often, all bounds together; None where a bound is not given."""

    at_least: int | None = None
    at_most: int | None = None
    exactly: int | None = None

    @classmethod
    def read(cls, document: Any, place: str) -> Self:
        found = check_keys(document, allowed=("at_least", "at_most", "exactly"), place=place)
        times = cls(**{key: read_count(value, f"{place}.{key}") for key, value in found.items()})
        if not found:
            raise DocumentError(place, "no number is given", "{at_least: 3}")
        if times.exactly is not None and len(found) > 1:
            raise DocumentError(place, "`exactly` stands alone")
        if len(found) == 2 and found["at_least"] > found["at_most"]:
            raise DocumentError(place, f"at least {found['at_least']} and at most {found['at_most']} is never so")
        return times

    @property
    def is_never(self) -> bool:
        return self.exactly == 0 or self.at_most == 0

    def words(self, language: str) -> str:
        if self.is_never:
            return pick(("ninguna vez", "never"), language)
        bounds = [
            (("exactamente", "exactly"), self.exactly),
            (("al menos", "at least"), self.at_least),
            (("como mucho", "at most"), self.at_most),
        ]
        said = [count_words(phrase, number, language) for phrase, number in bounds if number is not None]
        return join(said, pick(JOINTS["and"], language))

    def predicate(self, count: str, context: Context) -> str:
        """SQL: whether a count satisfies every bound."""
        if self.at_least is not None and self.at_most is not None:
            return f"{count} BETWEEN {context.bind(self.at_least)} AND {context.bind(self.at_most)}"
        bounds = [("=", self.exactly), (">=", self.at_least), ("<=", self.at_most)]
        return next(f"{count} {sign} {context.bind(n)}" for sign, n in bounds if n is not None)


@dataclass(frozen=True)
class EventHappened(Condition):
    kind = "event"
    label = _("Event")
    keys = frozenset({"event", "where", "times", "within_days", "since"})
    later = ("distinct", "sum", "max", "between_dates", "gt", "gte", "lt", "lte", "between")
    reads_history = True

    event: str
    where: tuple[PropertyTest, ...] = ()
    times: Times | None = None  # None: at least once
    within_days: float | None = None
    since: str = ""  # a node of the workflow, or `entry`
    place: str = field(default="", compare=False)

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        if "since" in document and "within_days" in document:
            raise DocumentError(place, "`since` and `within_days` stand together", "keep one of them")
        where = document.get("where", [])
        if not isinstance(where, list):
            example = "[{property: path, is: /precios}]"
            raise DocumentError(f"{place}.where", f"a list is needed, not {where!r}", example)
        days = document.get("within_days")
        return cls(
            event=read_text(document["event"], f"{place}.event"),
            where=tuple(PropertyTest.read(each, f"{place}.where[{n}]") for n, each in enumerate(where)),
            times=Times.read(document["times"], f"{place}.times") if "times" in document else None,
            within_days=read_days(days, f"{place}.within_days") if "within_days" in document else None,
            since=read_text(document["since"], f"{place}.since") if "since" in document else "",
            place=place,
        )

    def predicate(self, context: Context) -> str:
        after = self._instant(context) if self.since else ""
        window = interval_of_days(self.within_days, context) if self.within_days else ""
        count = context.count_events(self.matches(context), after=after, window=window)
        return (self.times or Times(at_least=1)).predicate(count, context)

    def matches(self, context: Context) -> str:
        """SQL over alias `e`: whether an event is of this name and passes `where`, whenever it was."""
        return " AND ".join([self._name_test(context), *(test.predicate(context) for test in self.where)])

    def _name_test(self, context: Context) -> str:
        """A track event's name is its name; any other kind's is the kind."""
        if self.event == ANY:
            return f"e.kind = ANY ({context.bind(list(ACTS))}::text[])"
        return f'{context.event_name} COLLATE "C" = {context.bind(self.event)}::text'

    def _instant(self, context: Context) -> str:
        if self.since in context.since:
            return context.since[self.since]
        hint = f"known here: {', '.join(context.since)}" if context.since else "`since` stands in workflows only"
        raise DocumentError(f"{self.place}.since", f"there is no `{self.since}` to count from", hint)

    def words(self, language: str) -> str:
        """`la página visitada empieza por /precios, al menos 3 veces en 30 días`"""
        span = self._span_words(language)
        if self.event == ANY and not self.where and self.times and self.times.is_never:
            return f"{pick(NOTHING, language)} {span}".rstrip()
        what = event_words(self.event, [(".".join(test.path), test.comparison) for test in self.where], language)
        often = self.times.words(language) if self.times else ""
        when = f"{often} {span}".strip()
        return f"{what}, {when}" if when else what

    def _span_words(self, language: str) -> str:
        if self.within_days is not None:
            return f"{pick(('en', 'in'), language)} {days_words(self.within_days, language)}"
        if self.since == "entry":
            return pick(("desde la entrada", "since the entry"), language)
        return f"{pick(('desde el paso', 'since the step'), language)} {self.since}" if self.since else ""

    def names(self) -> frozenset[str]:
        return frozenset({self.event})


def read_path(found: Any, place: str) -> tuple[str, ...]:
    """A property path: each dot goes one object down."""
    path = tuple(read_text(found, place).split("."))
    if not all(path):
        raise DocumentError(place, f"`{found}` has an empty part", "a name, or names with single dots: utm.source")
    return path


def property_value(path: tuple[str, ...], context: Context) -> Value:
    return Value.at_path("e.properties", "e.folded", path, context)


def interval_of_days(days: float, context: Context) -> str:
    """SQL: days of 86,400 s as an interval of microseconds, which no time zone can stretch."""
    microseconds = min(ceil(Fraction(days) * DAY), LONGEST)
    return f"{context.bind(f'{microseconds} microseconds')}::interval"
