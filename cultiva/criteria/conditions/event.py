"""`{event: page, where: [..], times: {at_least: 3}, within_days: 30}`: what the lead did."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from math import ceil
from typing import Any, Self

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.criteria.comparisons import FIGURES, Comparison, figure_test, read_figure
from cultiva.criteria.conditions.base import Condition, Reads, Reference
from cultiva.criteria.context import ACTS, ANY, Context
from cultiva.criteria.days import read_dates, spans_of_days
from cultiva.criteria.figures import EACH, Figure
from cultiva.criteria.reading import all_of, read_count, read_days, read_key, read_text
from cultiva.criteria.words import (
    EVENTS,
    JOINTS,
    NOTHING,
    count_words,
    days_words,
    event_words,
    figure_words,
    join,
    pick,
)  # fmt: skip
from cultiva.events.seen import names_seen
from cultiva.lib.documents import DocumentError, check_keys

__all__ = ["ACTS", "ANY", "EventHappened", "PropertyTest", "Times", "interval_of_days", "read_path"]

# Events that we record ourselves go by their kind.
RECORDS = frozenset({"identify", "consent", "stage", "score", "segment", "send", "workflow", "staff"})
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
            raise DocumentError(
                place,
                gettext("`property` is missing in %(value)r") % {"value": document},
                "{property: path, is: /precios}",
            )
        path = read_path(document["property"], f"{place}.property")
        return cls(path, Comparison.read(document, place, subject="property"))

    def predicate(self, context: Context) -> str:
        return self.comparison.predicate(context.property(self.path), context)


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
            raise DocumentError(place, gettext("no number is given"), "{at_least: 3}")
        if times.exactly is not None and len(found) > 1:
            raise DocumentError(place, gettext("`exactly` stands alone"))
        if len(found) == 2 and found["at_least"] > found["at_most"]:
            raise DocumentError(
                place,
                gettext("at least %(at_least)s and at most %(at_most)s is never so")
                % {"at_least": found["at_least"], "at_most": found["at_most"]},
            )
        return times

    @property
    def is_never(self) -> bool:
        return self.exactly == 0 or self.at_most == 0

    def words(self, language: str) -> str:
        if self.is_never:
            return pick(("ninguna vez", "never"), language)
        said = [count_words(phrase, number, language) for phrase, number in self.bounds]
        return join(said, pick(JOINTS["and"], language))

    @property
    def bounds(self) -> list[tuple[tuple[str, str], int]]:
        """[((es, en), number)]"""
        bounds = [
            (("exactamente", "exactly"), self.exactly),
            (("al menos", "at least"), self.at_least),
            (("como mucho", "at most"), self.at_most),
        ]
        return [(phrase, number) for phrase, number in bounds if number is not None]

    def predicate(self, count: str, context: Context) -> str:
        """SQL: whether a count satisfies every bound."""
        if self.at_least is not None and self.at_most is not None:
            return f"{count} BETWEEN {context.bind(self.at_least)} AND {context.bind(self.at_most)}"
        bounds = [("=", self.exactly), (">=", self.at_least), ("<=", self.at_most)]
        return next(f"{count} {sign} {context.bind(n)}" for sign, n in bounds if n is not None)


@dataclass(frozen=True)
class EventHappened(Condition):
    """Events that match, counted by `times`, or a figure of them (`sum`, `max`) compared with `limits`."""

    kind = "event"
    label = _("Event")
    keys = frozenset(
        {"event", "where", "times", "distinct", "sum", "max", "within_days", "between_dates", "since", *FIGURES}
    )
    reads_history = True
    reads_files = True

    event: str
    where: tuple[PropertyTest, ...] = ()
    times: Times | None = None  # None: at least once
    figure: Figure = EACH
    limits: Comparison | None = None  # of a sum or max
    within_days: float | None = None
    between_dates: tuple[date, date] | None = None
    since: str = ""  # a node of the workflow, or `entry`
    place: str = field(default="", compare=False)

    @classmethod
    def read(cls, document: dict[str, Any], place: str) -> Self:
        _refuse_together(document, ("since", "within_days", "between_dates"), place)
        _refuse_together(document, ("distinct", "sum", "max"), place)
        where = document.get("where", [])
        if not isinstance(where, list):
            example = "[{property: path, is: /precios}]"
            raise DocumentError(
                f"{place}.where", gettext("a list is needed, not %(value)r") % {"value": where}, example
            )
        days, dates = document.get("within_days"), document.get("between_dates")
        return cls(
            event=read_text(document["event"], f"{place}.event"),
            where=tuple(PropertyTest.read(each, f"{place}.where[{n}]") for n, each in enumerate(where)),
            times=Times.read(document["times"], f"{place}.times") if "times" in document else None,
            figure=_read_figure(document, place),
            limits=_read_limits(document, place),
            within_days=read_days(days, f"{place}.within_days") if "within_days" in document else None,
            between_dates=read_dates(dates, f"{place}.between_dates") if "between_dates" in document else None,
            since=read_text(document["since"], f"{place}.since") if "since" in document else "",
            place=place,
        )

    @property
    def is_counted(self) -> bool:
        """Whether the author asks for a number, and not just for one event."""
        return self.times is not None or self.figure.kind != "count"

    def predicate(self, context: Context) -> str:
        after = self._instant(context) if self.since else ""
        window = interval_of_days(self.within_days, context) if self.within_days else ""
        return self.satisfied(context.figure(self.figure, self.matches(context), after=after, window=window), context)

    def satisfied(self, figure: str, context: Context) -> str:
        """SQL: whether the figure is what the author asks for."""
        if self.limits:
            return figure_test(self.limits.operator, figure, self.limits.operands, context)
        return (self.times or Times(at_least=1)).predicate(figure, context)

    def matches(self, context: Context) -> str:
        """SQL over alias `e`: whether an event is of this name, of these dates, and passes `where`."""
        tests = [context.event_is(self.event)]
        if self.between_dates:
            tests.append(_within_spans(spans_of_days(*self.between_dates, context.timezone), context))
        return " AND ".join([*tests, *(test.predicate(context) for test in self.where)])

    def _instant(self, context: Context) -> str:
        if self.since in context.since:
            return context.since[self.since]
        hint = (
            gettext("known here: %(listed)s") % {"listed": ", ".join(context.since)}
            if context.since
            else gettext("`since` stands in workflows only")
        )
        raise DocumentError(
            f"{self.place}.since", gettext("there is no `%(since)s` to count from") % {"since": self.since}, hint
        )

    def words(self, language: str) -> str:
        """`la página visitada empieza por /precios, al menos 3 veces en 30 días`"""
        span = self._span_words(language)
        if self.event == ANY and not self.where and self._is_never:
            return f"{pick(NOTHING, language)} {span}".rstrip()
        what = event_words(self.event, [(".".join(test.path), test.comparison) for test in self.where], language)
        if self.figure.kind != "count":
            asked = figure_words(self.figure, self.limits or self._distinct_times, language)
            return f"{what}{f' {span}' if span else ''}, {asked}"
        often = self.times.words(language) if self.times else ""
        when = f"{often} {span}".strip()
        return f"{what}, {when}" if when else what

    @property
    def _is_never(self) -> bool:
        return self.figure.kind == "count" and self.times is not None and self.times.is_never

    @property
    def _distinct_times(self) -> list[tuple[tuple[str, str], int]]:
        return (self.times or Times(at_least=1)).bounds

    def _span_words(self, language: str) -> str:
        if self.within_days is not None:
            return f"{pick(('en', 'in'), language)} {days_words(self.within_days, language)}"
        if self.between_dates:
            return pick(("entre el {} y el {}", "from {} to {}"), language).format(*self.between_dates)
        if self.since == "entry":
            return pick(("desde la entrada", "since the entry"), language)
        return f"{pick(('desde el paso', 'since the step'), language)} {self.since}" if self.since else ""

    def reads(self) -> Reads:
        is_daily = any(test.comparison.is_daily for test in self.where)
        return Reads(
            events=frozenset({self.event}), is_timed=is_daily or self.within_days is not None, is_daily=is_daily
        )

    def refers(self) -> list[Reference]:
        return [Reference("event", self.event, "event")]

    @classmethod
    def known(cls, workspace_id: int) -> Collection[str]:
        """What came in, by the name it goes by here, and what the product itself, or every site, may send."""
        seen = {each.name if each.kind == "track" else each.kind for each in names_seen(workspace_id=workspace_id)}
        return seen | EVENTS.keys() | RECORDS | {ANY}

    def evidence(self, context: Context) -> str:
        after = self._instant(context) if self.since else ""
        window = interval_of_days(self.within_days, context) if self.within_days else ""
        return context.events_shown(self.figure, self.matches(context), after=after, window=window)


def _refuse_together(document: dict[str, Any], keys: Sequence[str], place: str) -> None:
    found = [key for key in document if key in keys]
    if len(found) > 1:
        listed = all_of(found)
        raise DocumentError(
            place, gettext("%(listed)s stand together") % {"listed": listed}, gettext("keep one of them")
        )


def _read_figure(document: dict[str, Any], place: str) -> Figure:
    kind = next((kind for kind in ("distinct", "sum", "max") if kind in document), "count")
    if kind in ("sum", "max") and "times" in document:
        raise DocumentError(
            place, gettext("`%(kind)s` and `times` stand together") % {"kind": kind}, f"{{{kind}: value, gte: 1000}}"
        )
    return EACH if kind == "count" else Figure(kind, read_path(document[kind], f"{place}.{kind}"))


def _read_limits(document: dict[str, Any], place: str) -> Comparison | None:
    found = [key for key in document if key in FIGURES]
    kind = next((kind for kind in ("sum", "max") if kind in document), "")
    if not kind and found:
        hint = gettext("times: {at_least: 3} counts events; sum: value adds a property up")
        raise DocumentError(place, gettext("`%(value)s` needs `sum` or `max`") % {"value": found[0]}, hint)
    if not kind:
        return None
    limit = read_key(document, FIGURES, place, missing=lambda: gettext("no limit is given"))
    return Comparison(limit, read_figure(limit, document[limit], f"{place}.{limit}"))


def _within_spans(spans: Sequence[tuple[datetime | None, datetime | None]], context: Context) -> str:
    """SQL over `e`: whether the event occurred in one of these spans."""
    ways = []
    for start, end in spans:
        bounds = [f"e.occurred_at >= {context.bind(start)}::timestamptz"] if start else []
        bounds += [f"e.occurred_at < {context.bind(end)}::timestamptz"] if end else []
        ways.append(" AND ".join(bounds) or "true")
    return f"({' OR '.join(ways)})"


def read_path(found: Any, place: str) -> tuple[str, ...]:
    """A property path: each dot goes one object down."""
    path = tuple(read_text(found, place).split("."))
    if not all(path):
        raise DocumentError(
            place,
            gettext("`%(found)s` has an empty part") % {"found": found},
            gettext("a name, or names with single dots: utm.source"),
        )
    return path


def interval_of_days(days: float, context: Context) -> str:
    """SQL: days of 86,400 s as an interval of microseconds, which no time zone can stretch."""
    return f"{context.bind(interval_words(days))}::interval"


def interval_words(days: float) -> str:
    """The same, as PostgreSQL reads it."""
    return f"{min(ceil(Fraction(days) * DAY), LONGEST)} microseconds"
