"""The language in plain Python, as docs/reference says it: slow, obvious, and shared with no engine but `fold`.

It reads documents, not trees, so that parsing is tested, too.
"""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from cultiva.criteria.tests.cast import Act, Person
from cultiva.lib.folding import fold, number_text

NEGATIONS = {"is_not": "is", "none_of": "any_of", "does_not_contain": "contains"}


def holds(document: Any, person: Person, at: datetime, written_at: datetime) -> bool:
    """`written_at` is the instant that the ages of the person's acts count back from."""
    if "all" in document:
        return all(holds(each, person, at, written_at) for each in document["all"])
    if "any" in document:
        return any(holds(each, person, at, written_at) for each in document["any"])
    if "not" in document:
        return not holds(document["not"], person, at, written_at)
    if "attribute" in document:
        return compares(person.attributes.get(document["attribute"]), document)
    return often_enough(len(matching(document, person.acts, at, written_at)), document)


def matching(document: Any, acts: Sequence[Act], at: datetime, written_at: datetime) -> list[Act]:
    """The acts that a condition counts, in the order given."""
    return [
        act
        for act in acts
        if act.actor != "machine"
        and named(document["event"], act)
        and written_at - act.age <= at
        and (at - (written_at - act.age) < timedelta(days=document.get("within_days", 10**6)))
        and all(compares(at_path(act.properties, test["property"]), test) for test in document.get("where", []))
    ]


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


def compares(value: Any, document: Any) -> bool:
    operator, operand = next((k, v) for k, v in document.items() if k not in ("attribute", "property"))
    if operator in NEGATIONS:
        return not compares(value, {NEGATIONS[operator]: operand})
    known = [each for each in (value if isinstance(value, list) else [value]) if not is_missing(each)]
    if operator == "is_empty":
        return not known
    if operator == "is_not_empty":
        return bool(known)
    if operator == "all_of":
        return bool(known) and all(any(equals(each, one) for each in known) for one in operand)
    return any(element_holds(each, operator, operand) for each in known)


def is_missing(value: Any) -> bool:
    return value is None or value == "" or isinstance(value, (list, dict))


def element_holds(value: Any, operator: str, operand: Any) -> bool:
    if operator in ("is", "any_of"):
        return any(equals(value, one) for one in listed(operand))
    if operator in ("contains", "contains_any"):
        return any(fold(one) in text(value) for one in listed(operand))
    if operator == "starts_with":
        return text(value).startswith(fold(operand))
    if operator == "ends_with":
        return text(value).endswith(fold(operand))
    found = number(value)
    if found is None:
        return False
    if operator == "between":
        return float(operand[0]) <= found <= float(operand[1])
    limit = float(operand)
    return {"gt": found > limit, "gte": found >= limit, "lt": found < limit, "lte": found <= limit}[operator]


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
