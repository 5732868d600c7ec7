"""Values of attributes: what may be stored, the types and what each makes of a value, and guessing a type."""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from cultiva.leads.addresses import BadAddress, BadPhone, read_address, read_phone
from cultiva.lib.folding import fold, number_text
from cultiva.lib.zones import time_zones

Json = dict[str, Any]

MAX_ATTRIBUTES = 100  # of one event
MAX_KEY = 80
MAX_TEXT = 10_000
MAX_LINE = 1000
MAX_URL = 2048


class WrongType(ValueError):
    """The value is not of the attribute's type; the message is a sentence for a person, in English."""


# Blanks, and what may be stored


def is_blank(value: Any) -> bool:
    return not value.strip() if isinstance(value, str) else value is None or value in ([], {})


def clean_attributes(attributes: Mapping[str, Any]) -> Json:
    """What may be stored of the given attributes: no blanks, no control characters, bounded sizes, objects
    taken apart."""
    known: Json = {}
    for key, value in attributes.items():
        for name, inner in _flat(str(key), value):
            kept = clean_value(inner) if not isinstance(inner, dict) else inner
            if name not in IDENTIFIERS and not is_blank(kept) and len(known) < MAX_ATTRIBUTES:
                known[name] = kept
    return known


# What identifies a person is no ordinary attribute: leads.identity reads it.
IDENTIFIERS = {"email", "id", "userId", "user_id", "anonymousId", "anonymous_id"}
# Segment's reserved traits, by the names that forms use.
NAMES = {
    "firstName": "first_name", "lastName": "last_name", "title": "job_title", "jobTitle": "job_title",
    "phoneNumber": "phone", "companyName": "company", "company_name": "company", "createdAt": "created_at",
}  # fmt: skip


def _flat(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """An object's values by joined keys, one level deep: `address_city`. An amount with its currency is one value."""
    if not isinstance(value, dict) or _is_money(value):
        yield NAMES.get(key, key)[:MAX_KEY], value
        return
    for inner_key, inner in value.items():
        name = key if inner_key == "name" else f"{key}_{inner_key}"
        if _is_money(inner) or not isinstance(inner, dict):
            yield name[:MAX_KEY], inner


def _is_money(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"amount", "currency"}
        and all(isinstance(part, (str, int, float)) for part in value.values())
    )


def clean_value(value: Any) -> Any:
    if isinstance(value, str):
        text = value[:MAX_TEXT]
        if not text.isprintable():
            text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
        return text.strip()
    if isinstance(value, (list, tuple)):
        cleaned = [clean_value(element) for element in value[:MAX_ATTRIBUTES]]
        return [element for element in cleaned if not is_blank(element)]
    if isinstance(value, bool):
        return value
    return value if isinstance(value, (int, float)) and _is_finite(value) else None


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond float64
        return False


# Types


@dataclass(frozen=True)
class Setting:
    """What a type may ask of its attribute and workspace."""

    choices: Sequence[str] = ()
    time_zone: str = "UTC"
    country: str = ""


def coerce(type: str, value: Any, *, choices: Sequence[str] = (), time_zone: str = "UTC", country: str = "") -> Any:
    """The value as an attribute of the type keeps it. Raises WrongType; never anything else, whatever the JSON.

    Coercing again changes nothing. `choices`: of choice and multi_choice (none: any text), for money the one
    currency. `time_zone`: of times without a zone. `country`: of telephone numbers without a prefix.
    """
    if type not in TYPES:
        raise WrongType(f"There is no type {type!r}.")
    cleaned = clean_value(value) if not isinstance(value, dict) else value
    if is_blank(cleaned):
        raise WrongType("It is empty.")
    return TYPES[type](cleaned, Setting(tuple(choices), time_zone, country))


def _text(value: Any, setting: Setting) -> str:
    return " ".join(_long_text(value, setting).split())[:MAX_TEXT]


def _long_text(value: Any, setting: Setting) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, str):
        return value
    raise WrongType("It is a list or an object, not a text.")


DECIMAL = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?")


def _number(value: Any, setting: Setting) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise WrongType(f"{_shown(value)} is not a number.")
    if isinstance(value, str):
        value = _read_number(value)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _read_number(text: str) -> int | float:
    """A number as people write it: the last of two separators is the decimal one. `1,234` could be either."""
    bare = re.sub(r"[\s\u00a0\u202f']", "", text)
    if "," in bare and "." in bare:
        decimal = max(",", ".", key=bare.rfind)
        bare = bare.replace("," if decimal == "." else ".", "").replace(decimal, ".")
    elif bare.count(",") == 1:
        if len(bare.rpartition(",")[2]) == 3:
            raise WrongType(f"{_shown(text)} could be read in two ways.")
        bare = bare.replace(",", ".")
    if not DECIMAL.fullmatch(bare) or not bare.isascii():
        raise WrongType(f"{_shown(text)} is not a number.")
    return float(bare) if "." in bare else int(bare)


CURRENCY_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY"}
WITH_CURRENCY = re.compile(
    r"(?P<before>[A-Za-z]{3}|[€$£¥])?\s*(?P<amount>[^A-Za-z€$£¥]+?)\s*(?P<after>[A-Za-z]{3}|[€$£¥])?"
)


def _money(value: Any, setting: Setting) -> int | float:
    """The amount alone, so that it compares as a number; the attribute has one currency."""
    amount, currency = read_money(value)
    wanted = setting.choices[0] if setting.choices else ""
    if currency and currency != wanted:
        raise WrongType(f"It is in {currency}, the attribute in {wanted or 'no currency yet'}.")
    return amount


def read_money(value: Any) -> tuple[int | float, str]:
    """(amount, currency or "")"""
    if isinstance(value, dict):
        currency = value.get("currency")
        return _number(value.get("amount"), Setting()), _currency(currency if isinstance(currency, str) else "")
    if not isinstance(value, str):
        return _number(value, Setting()), ""
    found = WITH_CURRENCY.fullmatch(value.strip())
    if not found:
        raise WrongType(f"{_shown(value)} is not an amount of money.")
    return _number(found["amount"], Setting()), _currency(found["before"] or found["after"] or "")


def _currency(text: str) -> str:
    return CURRENCY_SIGNS.get(text, text.upper())


def _date(value: Any, setting: Setting) -> str:
    if not isinstance(value, str):
        raise WrongType(f"{_shown(value)} is not a date; it is written as 2026-03-10.")
    try:
        if len(value) == 10:
            return date.fromisoformat(value).isoformat()
        moment = datetime.fromisoformat(value)
        zone = _zone(setting)
        return (moment.astimezone(zone) if moment.tzinfo else moment).date().isoformat()
    except (ValueError, OverflowError) as error:
        raise WrongType(f"{_shown(value)} is not a date; it is written as 2026-03-10.") from error


def _date_time(value: Any, setting: Setting) -> str:
    """UTC; numbers are seconds or milliseconds since 1970."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) >= 1e11 else value
            moment = datetime.fromtimestamp(seconds, UTC)
        elif isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d[T ]\d", value):
            moment = datetime.fromisoformat(value)
        else:
            raise WrongType(f"{_shown(value)} is not a time; it is written as 2026-03-10T09:30:00Z.")
        moment = moment if moment.tzinfo else moment.replace(tzinfo=_zone(setting))
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError) as error:
        if isinstance(error, WrongType):
            raise
        raise WrongType(f"{_shown(value)} is not a time; it is written as 2026-03-10T09:30:00Z.") from error


def _zone(setting: Setting) -> ZoneInfo:
    return ZoneInfo(setting.time_zone if setting.time_zone in time_zones() else "UTC")


YES, NO = {"true", "yes", "y", "si", "1", "on"}, {"false", "no", "n", "0", "off"}


def _boolean(value: Any, setting: Setting) -> bool:
    if isinstance(value, bool):
        return value
    word = fold(str(value)) if isinstance(value, (str, int)) else ""
    if word in YES or word in NO:
        return word in YES
    raise WrongType(f"{_shown(value)} is neither yes nor no.")


def _choice(value: Any, setting: Setting) -> str:
    text = _text(value, setting)
    if len(text) > MAX_LINE:
        raise WrongType("It is too long for a choice.")
    if not setting.choices or text in setting.choices:
        return text
    found = next((choice for choice in setting.choices if fold(choice) == fold(text)), None)
    if found is None:
        raise WrongType(f"{_shown(text)} is none of the choices.")
    return found


def _multi_choice(value: Any, setting: Setting) -> list[str]:
    given = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(_choice(each, setting) for each in given))


def _email(value: Any, setting: Setting) -> str:
    try:
        return read_address(value).text
    except (BadAddress, TypeError, AttributeError) as error:
        raise WrongType(f"{_shown(value)} is not an e-mail address.") from error


def _phone(value: Any, setting: Setting) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > 60:
        raise WrongType(f"{_shown(value)} is not a telephone number.")
    try:
        return read_phone(value, setting.country)
    except BadPhone as error:
        raise WrongType(str(error)) from error


def _url(value: Any, setting: Setting) -> str:
    if not isinstance(value, str) or len(value) > MAX_URL or any(c.isspace() for c in value):
        raise WrongType(f"{_shown(value)} is not the address of a page.")
    text = value if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", value) else f"https://{value}"
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise WrongType(f"{_shown(value)} is not the address of a page.") from error
    if parts.scheme.lower() not in ("http", "https") or not host or "." not in host:
        raise WrongType(f"{_shown(value)} is not the address of a page; it begins with https://.")
    result = urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path, parts.query, parts.fragment))
    if len(result) > MAX_URL or urlsplit(result).hostname is None:
        raise WrongType(f"{_shown(value)} is too long for the address of a page.")
    return result


def _country(value: Any, setting: Setting) -> str:
    text = value.strip() if isinstance(value, str) else ""
    code = text.upper()
    if code in countries():
        return code
    found = country_names().get(fold(text)) if len(text) > 2 else None
    if found is None:
        raise WrongType(f"{_shown(value)} is not a country; ES, or Spain, is one.")
    return found


TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|\d{3}))?")


def _language(value: Any, setting: Setting) -> str:
    """BCP 47: language, script and region; the case as RFC 5646, 2.1.1 has it."""
    found = TAG.fullmatch(value) if isinstance(value, str) else None
    if not found or not value.isascii():
        raise WrongType(f"{_shown(value)} is not a language; es and es-MX are.")
    language, script, region = found.groups()
    parts = [language.lower(), script and script.title(), region and region.upper()]
    return "-".join(part for part in parts if part)


def _time_zone(value: Any, setting: Setting) -> str:
    if isinstance(value, str) and value in time_zones():
        return value
    raise WrongType(f"{_shown(value)} is not a time zone; Europe/Madrid is one.")


TYPES: dict[str, Callable[[Any, Setting], Any]] = {
    "text": _text,
    "long_text": _long_text,
    "number": _number,
    "money": _money,
    "date": _date,
    "date_time": _date_time,
    "boolean": _boolean,
    "choice": _choice,
    "multi_choice": _multi_choice,
    "email": _email,
    "phone": _phone,
    "url": _url,
    "country": _country,
    "language": _language,
    "time_zone": _time_zone,
}


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"


@cache
def countries() -> frozenset[str]:
    """ISO 3166 alpha-2 codes, from the list that comes with the time zones."""
    return frozenset(code for code, _name in _zone_table("iso3166.tab"))


@cache
def country_names() -> dict[str, str]:
    """{folded name in Spanish or English, or alpha-3 where a name is: code}; 0.3 s the first time."""
    from phonenumbers.geodata.locale import LOCALE_DATA  # noqa: PLC0415  large, and seldom needed

    names = {fold(name): code for code, name in _zone_table("iso3166.tab")}
    for code, by_language in LOCALE_DATA.items():
        if code in countries():
            for language in ("es", "en"):
                name = by_language.get(language, "")
                names[fold(by_language.get(name[1:], "") if name.startswith("*") else name)] = code
    names.pop("", None)
    return names


@cache
def country_of_zone(time_zone: str) -> str:
    """The country of a time zone, or ""."""
    return next((code for code, _place, zone, *_ in _zone_table("zone.tab") if zone == time_zone), "")


def _zone_table(name: str) -> list[list[str]]:
    text = resources.files("tzdata").joinpath("zoneinfo", name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


# Guessing

BY_NAME = [
    (re.compile(r"(^|_)e?mail$"), "email"),
    (re.compile(r"(^|_)(phone|mobile|telephone|telefono|movil)(_number)?$"), "phone"),
    (re.compile(r"(^|_)(url|website|web|linkedin|homepage)$"), "url"),
    (re.compile(r"(^|_)(country|pais)(_code)?$"), "country"),
    (re.compile(r"(^|_)(language|locale|idioma)$"), "language"),
    (re.compile(r"(^|_)(time_?zone)$"), "time_zone"),
]
SURELY: list[tuple[str, Callable[[Any], bool]]] = [
    ("boolean", lambda value: isinstance(value, bool)),
    ("number", lambda value: isinstance(value, (int, float)) and not isinstance(value, bool)),
    ("multi_choice", lambda value: isinstance(value, list)),
    ("money", _is_money),
    ("date", lambda value: isinstance(value, str) and bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value))),
    ("date_time", lambda value: isinstance(value, str) and bool(re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:", value))),
    ("url", lambda value: isinstance(value, str) and value.startswith(("http://", "https://"))),
]


def guess_type(key: str, values: Sequence[Any], *, country: str = "") -> str:
    """The type of an attribute: by its name where one of the first values fits, else by these, all of which fit.

    Texts of digits stay texts: they may be postal codes.
    """
    name = fold(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key))
    for pattern, type_ in BY_NAME:
        if pattern.search(name) and any(fits(type_, [value], country) for value in values):
            return type_
    for type_, is_one in SURELY:
        if values and all(map(is_one, values)) and (type_ == "money" or fits(type_, values, country)):
            return type_
    is_long = any(isinstance(value, str) and ("\n" in value or len(value) > 200) for value in values)
    return "long_text" if is_long else "text"


def fits(type_: str, values: Iterable[Any], country: str = "") -> bool:
    try:
        return all(coerce(type_, value, country=country) is not None for value in values)
    except WrongType:
        return False
