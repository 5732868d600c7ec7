"""The language in plain Python, as docs/reference says it: slow, obvious, and shared with no engine but `fold`.

It reads documents, not trees, so that parsing is tested, too.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cultiva.criteria.tests.cast import Act, Person
from cultiva.lib.folding import fold, number_text

NEGATIONS = {"is_not": "is", "none_of": "any_of", "does_not_contain": "contains"}
DAY = timedelta(days=1)


@dataclass(frozen=True)
class When:
    """`written_at` is the instant that the ages of a person's acts count back from."""

    at: datetime
    written_at: datetime
    zone: str = "Europe/Madrid"

    def of(self, act: Act) -> datetime:
        return self.written_at - act.age

    def day(self, instant: datetime) -> date:
        return instant.astimezone(ZoneInfo(self.zone)).date()


def holds(document: Any, person: Person, at: datetime, written_at: datetime, zone: str = "Europe/Madrid") -> bool:
    return tree_holds(document, person, When(at, written_at, zone))


def tree_holds(document: Any, person: Person, when: When) -> bool:
    if "all" in document:
        return all(tree_holds(each, person, when) for each in document["all"])
    if "any" in document:
        return any(tree_holds(each, person, when) for each in document["any"])
    if "not" in document:
        return not tree_holds(document["not"], person, when)
    if "attribute" in document:
        return compares(person.attributes.get(document["attribute"]), document, when)
    if "tag" in document:
        return compares(person.attributes.get("tags"), {"property": "tags", "is": document["tag"]}, when)
    return figure_holds(matching(document, person.acts, when), document)


def matching(document: Any, acts: Sequence[Act], when: When) -> list[Act]:
    """The acts that a condition counts, in the order given."""
    first, last = document.get("between_dates", ["0001-01-01", "9999-12-31"])
    return [
        act
        for act in acts
        if act.actor != "machine"
        and named(document["event"], act)
        and when.of(act) <= when.at
        and when.at - when.of(act) < timedelta(days=document.get("within_days", 10**6))
        and date.fromisoformat(first) <= when.day(when.of(act)) <= date.fromisoformat(last)
        and all(compares(at_path(act.properties, test["property"]), test, when) for test in document.get("where", []))
    ]


def figure_holds(acts: Sequence[Act], document: Any) -> bool:
    if "distinct" in document:
        return often_enough(len({identity(at_path(act.properties, document["distinct"])) for act in acts} - {None}),
                            document)  # fmt: skip
    for figure in ("sum", "max"):
        if figure in document:
            found = [amount(at_path(act.properties, document[figure])) for act in acts]
            known = [each for each in found if each is not None]
            value = float(sum(known)) if figure == "sum" else max(known, default=None)
            return value is not None and in_limits(value, document)
    return often_enough(len(acts), document)


def identity(value: Any) -> Any:
    if is_missing(value):
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return ("number" if is_number else type(value), text(value))


def amount(value: Any) -> float | None:
    return None if is_missing(value) else number(value)


def in_limits(value: float, document: Any) -> bool:
    if "between" in document:
        return float(document["between"][0]) <= value <= float(document["between"][1])
    limits = {"gt": value.__gt__, "gte": value.__ge__, "lt": value.__lt__, "lte": value.__le__}
    return any(limits[key](float(document[key])) for key in limits if key in document)


def named(event: str, act: Act) -> bool:
    if event == "any":
        return act.kind in ("track", "page", "screen")
    return (act.name if act.kind == "track" else act.kind) == event


def often_enough(count: int, document: Any) -> bool:
    times = document.get("times", {"at_least": 1})
    bounds = [count >= times.get("at_least", 0), count <= times.get("at_most", math.inf)]
    return all(bounds) and times.get("exactly", count) in [count]


def at_path(properties: Any, path: str) -> Any:
    for key in path.split("."):
        properties = properties.get(key) if isinstance(properties, dict) else None
    return properties


def compares(value: Any, document: Any, when: When) -> bool:
    operator, operand = next((k, v) for k, v in document.items() if k not in ("attribute", "property"))
    if operator in NEGATIONS:
        return not compares(value, {NEGATIONS[operator]: operand}, when)
    known = [each for each in (value if isinstance(value, list) else [value]) if not is_missing(each)]
    if operator == "is_empty":
        return not known
    if operator == "is_not_empty":
        return bool(known)
    if operator == "all_of":
        return bool(known) and all(any(equals(each, one) for each in known) for one in operand)
    return any(element_holds(each, operator, operand, when) for each in known)


def is_missing(value: Any) -> bool:
    return value is None or value == "" or isinstance(value, (list, dict))


def element_holds(value: Any, operator: str, operand: Any, when: When) -> bool:
    if operator in ("is", "any_of"):
        return any(equals(value, one) for one in listed(operand))
    if operator in ("contains", "contains_any"):
        return any(fold(one) in text(value) for one in listed(operand))
    if operator == "starts_with":
        return text(value).startswith(fold(operand))
    if operator == "ends_with":
        return text(value).endswith(fold(operand))
    if operator == "matches":
        plain = value if isinstance(value, str) else text(value)
        return bool(re.search(operand.replace("$", "\\Z"), plain, re.ASCII))
    if operator in ("before", "after", "on") or operator.endswith("_days"):
        day = local_day(value, when)
        return day is not None and bool(day_holds(day, operator, operand, when.day(when.at)))
    found = number(value)
    return found is not None and in_limits(found, {operator: operand})


def local_day(value: Any, when: When) -> date | None:
    """Dates and times as ISO 8601 writes them in full; the calendar's own module says which days there are."""
    shape = r"\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d([.,]\d+)?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?"
    if not isinstance(value, str) or not re.fullmatch(shape, value, re.ASCII):
        return None
    try:
        if len(value) == 10:
            return date.fromisoformat(value)
        moment = datetime.fromisoformat(re.sub(r"[.,]\d+", "", value))
        return when.day(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except ValueError:
        return None


def day_holds(day: date, operator: str, operand: Any, today: date) -> Any:
    if operator == "before":
        return day < date.fromisoformat(operand)
    if operator == "after":
        return day > date.fromisoformat(operand)
    if operator == "on":
        return day == date.fromisoformat(operand)
    if operator == "within_last_days":
        return today - operand * DAY < day <= today
    if operator == "anniversary_within_days":
        day = next(each for each in days_from(today) if is_anniversary(each, day))
    return today <= day < today + operand * DAY


def days_from(today: date) -> Iterable[date]:
    return (today + n * DAY for n in range(367))


def is_anniversary(day: date, of: date) -> bool:
    if (of.month, of.day) == (2, 29) and not is_leap(day.year):
        return (day.month, day.day) == (2, 28)
    return (day.month, day.day) == (of.month, of.day)


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def equals(value: Any, operand: Any) -> bool:
    if isinstance(operand, bool):
        return value is operand or (isinstance(value, str) and value == str(operand).lower())
    if isinstance(operand, (int, float)):
        return number(value) == float(operand)
    return text(value) == fold(operand)


def listed(operand: Any) -> Iterable[Any]:
    return operand if isinstance(operand, list) else [operand]


def text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, (int, float)) else fold(value)


def number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", value):
        return None
    found = float(value)
    return found if math.isfinite(found) else None
