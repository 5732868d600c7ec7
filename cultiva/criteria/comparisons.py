"""Comparing one value of a lead or an event with what a document asks.

One rule bears all operators: a negative one is exactly the negation of its positive form, and a positive form
holds if one element of the value holds it (a single value is a list of one, a missing value a list of none).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Self

from django.utils.translation import gettext

from cultiva.criteria.context import Context
from cultiva.criteria.days import read_date
from cultiva.criteria.patterns import read_pattern
from cultiva.criteria.reading import read_days, read_key, read_list, read_number, read_range, read_text
from cultiva.criteria.values import Element, Test, Value
from cultiva.lib.documents import DocumentError, nearest
from cultiva.lib.folding import fold

Scalar = str | float | bool

NEGATIONS = {
    "is_not": "is",
    "none_of": "any_of",
    "does_not_contain": "contains",
    "is_empty": "is_not_empty",
}
SYMBOLS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
DATE_SYMBOLS = {"before": "<", "after": ">", "on": "="}
DAY_COUNTS = ("within_last_days", "within_next_days", "anniversary_within_days")
FIGURES = (*SYMBOLS, "between")
OPERATORS = (
    "is", "is_not", "any_of", "none_of", "all_of",
    "contains", "contains_any", "does_not_contain", "starts_with", "ends_with", "matches",
    *FIGURES, "is_empty", "is_not_empty", *DATE_SYMBOLS, *DAY_COUNTS,
)  # fmt: skip
ABOUT_TEXT = ("contains", "contains_any", "does_not_contain", "starts_with", "ends_with")
WITH_LISTS = ("any_of", "none_of", "all_of", "contains_any")
ONE_BY_ONE = ("all_of", "contains_any")  # each operand is a test of its own; the others are looked up
MANY = 500
MANY_DAYS = 1_700_000  # before and after today: further, dates leave the calendar of PostgreSQL


@dataclass(frozen=True)
class Comparison:
    """One operator with its operands; single operands are a tuple of one, those of `is_empty` none.

    Dates stay text, as they were checked; `pattern` is what `matches` asks in the words all engines share.
    """

    operator: str
    operands: tuple[Scalar, ...]
    pattern: str = ""

    @classmethod
    def read(cls, document: dict[str, Any], place: str, *, subject: str) -> Self:
        """The one operator beside the key `subject`; raises DocumentError for none, two or an unknown one."""
        for key in document:
            if key != subject and key not in OPERATORS:
                raise DocumentError(
                    place, gettext("unknown key `%(key)s`") % {"key": key}, nearest(key, [subject, *OPERATORS])
                )
        operator = read_key(document, OPERATORS, place, missing=lambda: gettext("no operator is given"))
        operands = _read_operands(operator, document[operator], f"{place}.{operator}")
        pattern = read_pattern(str(operands[0]), f"{place}.matches") if operator == "matches" else ""
        return cls(operator, operands, pattern)

    @property
    def is_daily(self) -> bool:
        """Whether its answer changes from day to day though the value does not."""
        return self.operator in DAY_COUNTS

    def predicate(self, value: Value, context: Context) -> str:
        """SQL: whether the value satisfies it; never NULL."""
        positive = NEGATIONS.get(self.operator)
        if positive:
            return f"(NOT {Comparison(positive, self.operands).predicate(value, context)})"
        if self.operator == "all_of":
            return "(" + " AND ".join(value.some(_equals([each], context)) for each in self.operands) + ")"
        return value.some(self._test(context))

    def next_change(self, texts: str, context: Context) -> str:
        """SQL: when the next day begins on which the answer may be another, though the value is not; or NULL.

        `texts` is a table v(text) of the value's texts. Empty: never.
        """
        if not self.is_daily:
            return ""
        days = context.bind(min(ceil(float(self.operands[0])), MANY_DAYS))
        day = context.dialect.day_in("v.text", context.zone)
        if self.operator == "anniversary_within_days":
            day = f"(SELECT {context.dialect.next_anniversary('a.day', context.today)} FROM (SELECT {day} AS day) a)"  # noqa: S608
        first, last = ("d.day", f"d.day + {days}") if self.operator == "within_last_days" else (
            f"d.day + 1 - {days}", "d.day + 1"
        )  # fmt: skip
        return (
            f"(SELECT min(i.begin) FROM {texts} CROSS JOIN LATERAL (SELECT {day} AS day) d"  # noqa: S608
            f" CROSS JOIN LATERAL (VALUES ({first}), ({last})) AS turn(day)"
            f" CROSS JOIN LATERAL {context.begins_of('turn.day')}"
            f" WHERE i.begin > {context.at} AND turn.day < '9999-01-01')"
        )

    def _test(self, context: Context) -> Test:
        dialect = context.dialect
        if self.operator == "is_not_empty":
            return lambda element: f"{element.stored} <> ''"
        if self.operator in ("is", "any_of"):
            return _equals(self.operands, context)
        if self.operator in FIGURES:
            return lambda element: figure_test(self.operator, dialect.number_in(element.stored), self.operands, context)
        if self.operator == "matches":
            pattern = f"{context.bind(self.pattern)}::text"
            return lambda element: f"{element.stored} <> '' AND {dialect.matches(element.plain, pattern)}"
        if self.operator in DATE_SYMBOLS or self.operator in DAY_COUNTS:
            return self._date_test(context)
        return _part_of_text(self.operator, [fold(str(each)) for each in self.operands], context)

    def _date_test(self, context: Context) -> Test:
        operand = self.operands[0]
        bound = f"{context.bind(operand)}::date" if isinstance(operand, str) else context.bind(ceil(operand))

        def test(element: Element) -> str:
            day = context.dialect.day_in(element.stored, context.zone)
            if self.operator in DATE_SYMBOLS:
                return f"({day}) {DATE_SYMBOLS[self.operator]} {bound}"
            if self.operator == "within_last_days":
                return f"{context.today} - ({day}) BETWEEN 0 AND {bound} - 1"
            if self.operator == "within_next_days":
                return f"({day}) - {context.today} BETWEEN 0 AND {bound} - 1"
            # Written once as a row of its own, because the next anniversary names its day six times.
            next_one = context.dialect.next_anniversary("d.day", context.today)
            return f"(SELECT ({next_one}) - {context.today} < {bound} FROM (SELECT {day} AS day) d)"  # noqa: S608

        return test


def figure_test(operator: str, figure: str, operands: Sequence[Scalar], context: Context) -> str:
    """SQL: a number against one of FIGURES; not true where there is none."""
    bound = [f"{context.bind(each)}::float8" for each in operands]
    if operator == "between":
        return f"{figure} BETWEEN {bound[0]} AND {bound[1]}"
    return f"{figure} {SYMBOLS[operator]} {bound[0]}"


def _read_operands(operator: str, found: Any, place: str) -> tuple[Scalar, ...]:
    if operator in ("is_empty", "is_not_empty"):
        if found is not True:
            other = "is_not_empty" if operator == "is_empty" else "is_empty"
            raise DocumentError(
                place,
                gettext("only true can stand here, not %(value)r") % {"value": found},
                gettext("for the contrary: %(other)s: true") % {"other": other},
            )
        return ()
    if operator in FIGURES:
        return read_figure(operator, found, place)
    if operator in DATE_SYMBOLS:
        return (read_date(found, place).isoformat(),)
    if operator in DAY_COUNTS:
        return (read_days(found, place),)
    read_one: Callable[[Any, str], Scalar] = read_text if operator in (*ABOUT_TEXT, "matches") else _read_scalar
    if operator in WITH_LISTS:
        listed = read_list(found, place)
        if operator in ONE_BY_ONE and len(listed) > MANY:
            raise DocumentError(
                place,
                gettext("there are %(count)s operands") % {"count": len(listed)},
                gettext("at most %(most)s; any_of takes any number") % {"most": MANY},
            )
        return tuple(read_one(each, f"{place}[{n}]") for n, each in enumerate(listed))
    return (read_one(found, place),)


def read_figure(operator: str, found: Any, place: str) -> tuple[float, ...]:
    return read_range(found, place) if operator == "between" else (read_number(found, place),)


def _read_scalar(found: Any, place: str) -> Scalar:
    if isinstance(found, list):
        raise DocumentError(
            place,
            gettext("one value is needed, not the list %(value)r") % {"value": found},
            gettext("any_of takes a list"),
        )
    if isinstance(found, bool):
        return found
    return read_number(found, place) if isinstance(found, (int, float)) else read_text(found, place)


def _equals(operands: Sequence[Scalar], context: Context) -> Test:
    """Equal to one of the operands; each decides how it is compared."""
    dialect = context.dialect
    flags = ["true" if each else "false" for each in operands if isinstance(each, bool)]
    numbers = [each for each in operands if isinstance(each, float)]
    texts = [fold(each) for each in operands if isinstance(each, str)]
    bound_flags = context.bind(flags) if flags else ""
    bound_numbers = context.bind(numbers) if numbers else ""
    bound_texts = context.bind(texts) if texts else ""

    def test(element: Element) -> str:
        ways = []
        if flags:
            ways.append(dialect.is_one_of(element.stored, bound_flags, "text", len(flags)))
        if numbers:
            ways.append(dialect.is_one_of(dialect.number_in(element.stored), bound_numbers, "float8", len(numbers)))
        if texts:
            ways.append(
                dialect.is_one_of(element.compared, bound_texts, "text", len(texts)) + _unless_empty(element, texts)
            )
        return f"({' OR '.join(ways)})"

    return test


def _part_of_text(operator: str, operands: Sequence[str], context: Context) -> Test:
    bound = [f"{context.bind(each)}::text" for each in operands]
    dialect = context.dialect
    forms = {"starts_with": dialect.starts_with, "ends_with": dialect.ends_with}
    form = forms.get(operator, dialect.has_inside)

    def test(element: Element) -> str:
        ways = " OR ".join(form(element.compared, each) for each in bound)
        return f"({ways}){_unless_empty(element, operands)}"

    return test


def _unless_empty(element: Element, operands: Sequence[str]) -> str:
    """What folds to nothing (a lone accent) is found in every text; in an empty one it must not be."""
    return f" AND {element.stored} <> ''" if "" in operands else ""
