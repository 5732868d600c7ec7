"""Reading single values of documents. Errors name the place, the value and the way out."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext

from cultiva.lib.documents import DocumentError


def read_text(value: Any, place: str) -> str:
    """A text that is not empty and that PostgreSQL can hold."""
    if not isinstance(value, str):
        hint = gettext('write "%(value)s" in quotes') % {"value": value} if isinstance(value, (int, float)) else ""
        raise DocumentError(place, gettext("a text is needed, not %(value)r") % {"value": value}, hint)
    if not value:
        raise DocumentError(
            place, gettext("the text is empty"), gettext("use is_empty: true to ask for what is missing")
        )
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise DocumentError(place, gettext("%(value)r holds a character that cannot be stored") % {"value": value})
    return value


def read_number(value: Any, place: str) -> float:
    """A finite number as float64; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DocumentError(place, gettext("a number is needed, not %(value)r") % {"value": value})
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise DocumentError(place, gettext("a finite number is needed, not %(number)s") % {"number": number})
    return number


def read_days(value: Any, place: str) -> float:
    """A number of days of 86,400 s, above 0."""
    days = read_number(value, place)
    if days <= 0:
        raise DocumentError(place, gettext("a number above 0 is needed, not %(value)r") % {"value": value})
    return days


def read_count(value: Any, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise DocumentError(place, gettext("a whole number from 0 is needed, not %(value)r") % {"value": value})
    return value


def read_list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise DocumentError(
            place,
            gettext("a list is needed, not %(value)r") % {"value": value},
            gettext("write it in brackets: [a, b]"),
        )
    if not value:
        raise DocumentError(place, gettext("the list is empty"))
    return value


def read_range(value: Any, place: str) -> tuple[float, float]:
    """[low, high], low not above high."""
    if not isinstance(value, list) or len(value) != 2:
        raise DocumentError(place, gettext("two numbers [low, high] are needed, not %(value)r") % {"value": value})
    low, high = (read_number(each, f"{place}[{n}]") for n, each in enumerate(value))
    if low > high:
        raise DocumentError(
            place,
            gettext("%(least)s is above %(most)s") % {"least": value[0], "most": value[1]},
            gettext("write the lower number first"),
        )
    return low, high


def read_key(document: Mapping[str, Any], keys: Sequence[str], place: str, *, missing: Callable[[], str]) -> str:
    """The one of these keys that a document has; raises DocumentError for several, or none, which `missing` says."""
    found = [key for key in document if key in keys]
    if len(found) == 1:
        return found[0]
    problem = gettext("%(listed)s stand together") % {"listed": all_of(found)} if found else missing()
    raise DocumentError(
        place,
        gettext("%(problem)s; exactly one is needed") % {"problem": problem},
        gettext("known: %(listed)s") % {"listed": ", ".join(keys)},
    )


def all_of(keys: Iterable[str]) -> str:
    """`is` and `gt`, in the reader's language."""
    return f" {gettext('and')} ".join(f"`{key}`" for key in keys)
