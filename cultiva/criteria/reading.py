"""Reading single values of documents. Errors name the place, the value and the way out."""

import difflib
import math
from collections.abc import Collection
from typing import Any

from cultiva.lib.documents import DocumentError


def nearest(word: Any, known: Collection[str]) -> str:
    """A hint: the nearest known word, or all of them."""
    close = difflib.get_close_matches(str(word), known, n=1)
    return f"did you mean `{close[0]}`?" if close else f"known: {', '.join(known)}"


def read_text(value: Any, place: str) -> str:
    """A text that is not empty and that PostgreSQL can hold."""
    if not isinstance(value, str):
        hint = f'write "{value}" in quotes' if isinstance(value, (int, float)) else ""
        raise DocumentError(place, f"a text is needed, not {value!r}", hint)
    if not value:
        raise DocumentError(place, "the text is empty", "use is_empty: true to ask for what is missing")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise DocumentError(place, f"{value!r} holds a character that cannot be stored")
    return value


def read_number(value: Any, place: str) -> float:
    """A finite number as float64; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DocumentError(place, f"a number is needed, not {value!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise DocumentError(place, f"a finite number is needed, not {number}")
    return number


def read_days(value: Any, place: str) -> float:
    """A number of days of 86,400 s, above 0."""
    days = read_number(value, place)
    if days <= 0:
        raise DocumentError(place, f"a number above 0 is needed, not {value!r}")
    return days


def read_count(value: Any, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise DocumentError(place, f"a whole number from 0 is needed, not {value!r}")
    return value


def read_list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise DocumentError(place, f"a list is needed, not {value!r}", "write it in brackets: [a, b]")
    if not value:
        raise DocumentError(place, "the list is empty")
    return value


def read_range(value: Any, place: str) -> tuple[float, float]:
    """[low, high], low not above high."""
    if not isinstance(value, list) or len(value) != 2:
        raise DocumentError(place, f"two numbers [low, high] are needed, not {value!r}")
    low, high = (read_number(each, f"{place}[{n}]") for n, each in enumerate(value))
    if low > high:
        raise DocumentError(place, f"{value[0]} is above {value[1]}", "write the lower number first")
    return low, high
