"""How texts are compared everywhere, whatever engine does the comparing.

Values are folded here, once, and stored beside the original only where the fold differs; engines then compare
the results byte by byte and use no lower-casing, accent rule or collation of their own.
"""

import math
import re
import unicodedata
from functools import lru_cache
from typing import Any

Json = Any  # what JSON can hold

COMBINING = re.compile("[\u0300-\u036f]+")
EXACT = 2**53  # whole numbers up to here are the same in JSON, PostgreSQL and ECMAScript


def fold(text: str) -> str:
    """NFKD, without U+0300–U+036F, case-folded, NFKD: `Dirección` and `DIRECCION` are one word."""
    return text.lower() if text.isascii() else _fold_letters(text)  # most are: the same result, ten times as fast


@lru_cache(maxsize=16_384)  # names of people and towns come again and again
def _fold_letters(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    bare = COMBINING.sub("", decomposed)
    return unicodedata.normalize("NFKD", bare.casefold())


def number_text(number: float) -> str:
    """A number as ECMAScript prints it: 5, 99.5, 1e+21, 1e-7."""
    if isinstance(number, float) and "e" not in (plain := repr(number)) and "n" not in plain:
        return "0" if number == 0 else plain.removesuffix(".0")  # both print the shortest digits that are exact
    try:
        value = float(number)
    except OverflowError:  # an integer beyond float64
        return ""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return ""
    digits, _, exponent_text = f"{abs(value):.17e}".partition("e")
    shortest = repr(abs(value))
    digits = shortest.replace(".", "").partition("e")[0].strip("0") or "0"
    exponent = int(exponent_text)
    if float(f"{digits[0]}.{digits[1:] or 0}e{exponent}") != abs(value):
        exponent += 1  # the 17-digit form rounded down across a power of ten
    return ("-" if value < 0 else "") + _place_point(digits, exponent)


def _place_point(digits: str, exponent: int) -> str:
    """ECMA-262, Number::toString, steps 6 to 12, radix 10."""
    point = exponent + 1
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{'+' if exponent >= 0 else '-'}{abs(exponent)}"


def folded_where_different(values: dict[str, Json]) -> dict[str, Json]:
    """The part of a JSON object whose compared text is not the text PostgreSQL gives for it.

    Same shape as the original; a list is repeated whole if one element differs. Empty for most events.
    """
    different: dict[str, Json] = {}
    for key, value in values.items():
        if isinstance(value, str):  # first, because most are; the general rule would say the same
            if value and (folded_text := fold(value)) != value:
                different[key] = folded_text
            continue
        if value is None or isinstance(value, bool):
            continue
        if type(value) is int and -EXACT <= value <= EXACT:
            continue
        if type(value) is float and 1e-4 < abs(value) < 1e15 and not value.is_integer():  # no exponent, and no ".0"
            continue
        inner: Json
        if isinstance(value, dict):
            inner = folded_where_different(value)
        elif isinstance(value, list):
            folded = [compared_text(element) for element in value]
            inner = folded if folded != [_stored_text(element) for element in value] else None
        else:
            text = compared_text(value)
            inner = text if text != _stored_text(value) else None
        if inner is not None and inner != {}:  # "" is what a lone accent folds to
            different[key] = inner
    return different


def compared_text(value: Json) -> str | None:
    """The text by which a single JSON value is compared; None where it counts as missing."""
    if value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and -(2**53) < value < 2**53:  # exact as float64, and short as ECMAScript prints it
        return str(value)
    if isinstance(value, (int, float)):
        return number_text(value) or None
    return fold(str(value)) if value else None


def _stored_text(value: Json) -> str | None:
    """What `jsonb #>> path` answers for the value, as far as it may equal the compared text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) and abs(value) < 1e15 and "e" not in repr(value) else None
    return value if isinstance(value, str) and value else None
