"""Reading a cell: what a text says where a number, a moment, an address or a telephone is meant."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
from django.utils.translation import gettext_noop

from cultiva.capture.imports.mapping import Column
from cultiva.capture.imports.refusals import BadRow
from cultiva.leads.addresses import read_address
from cultiva.leads.values import MAX_ATTRIBUTES, MAX_TEXT, clean_attributes
from cultiva.lib.folding import fold

YES = frozenset(("1", "true", "yes", "y", "si", "s", "x", "on", "verdadero", "t"))
NO = frozenset(("", "0", "false", "no", "n", "off", "falso", "f", "-", "null", "none", "nan", "subscribed", "suscrito"))
DATE = re.compile(
    r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})"
    r"(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([AaPp])?\.?\s?(?:[Mm]\.?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)


def value_reader(column: Column, name: str, zone: ZoneInfo) -> Callable[[Any], Any]:
    """A function from a cell to the value that is stored. It raises BadRow only for what the row cannot do without:
    a value that is not of its column's type is kept as text, as everywhere."""
    if column.type == "number":
        return lambda cell: read_number(str(cell), column.decimal)
    if column.type == "boolean":
        return _read_boolean
    if column.type == "list":
        return read_tags
    if column.type in ("date", "date_time"):

        def read_time(cell: Any) -> Any:
            try:
                moment = read_moment(str(cell), column.order, zone, name)
            except BadRow:
                return clean_text(cell)
            return moment.astimezone(zone).date().isoformat() if column.type == "date" else moment.isoformat()

        return read_time
    return _read_plain


def _read_plain(cell: Any) -> Any:
    if isinstance(cell, str):
        return clean_text(cell)
    if isinstance(cell, (list, dict)):
        return clean_attributes({"x": cell}).get("x")
    return cell


def _read_boolean(cell: Any) -> Any:
    word = fold(str(cell).strip())
    return True if word in YES else False if word in NO else clean_text(cell)


def read_number(text: str, decimal: str) -> Any:
    """A number, or the text where it is none."""
    group = "," if decimal == "." else "."
    bare = text.strip().replace(group, "").replace("\u00a0", "").replace(" ", "").replace(decimal, ".")
    try:
        return int(bare) if bare.lstrip("-").isdigit() else float(bare) if re.fullmatch(r"-?\d*\.?\d+", bare) else (
            clean_text(text)
        )  # fmt: skip
    except ValueError:
        return clean_text(text)


def read_moment(text: str, order: str, zone: ZoneInfo, name: str) -> datetime:
    """UTC. A time without zone is one of the file's; a day begins at its midnight there. Raises BadRow."""
    text = text.strip()
    try:
        if order == "ymd" and text[4:5] == "-":
            found = datetime.fromisoformat(text)
            return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    match = DATE.fullmatch(text)
    try:
        if match is None:
            return _read_epoch(text)
        return _build_moment(match, order, zone)
    except (ValueError, OverflowError) as error:
        raise BadRow(
            gettext_noop("%(name)s: %(text)r is no date (%(order)s)"), name=name, text=text[:60], order=order
        ) from error


def _read_epoch(text: str) -> datetime:
    if not (text.isdigit() and len(text) in (10, 13)):
        raise ValueError(text)
    return datetime.fromtimestamp(int(text) / (1000 if len(text) == 13 else 1), UTC)


def _build_moment(match: "re.Match[str]", order: str, zone: ZoneInfo) -> datetime:
    parts = dict(zip("ymd" if len(match[1]) == 4 else order, (int(match[n]) for n in (1, 2, 3)), strict=True))
    year = parts["y"] + (2000 if parts["y"] < 70 else 1900 if parts["y"] < 100 else 0)
    hour, minute, second = (int(match[n] or 0) for n in (4, 5, 6))
    if match[7]:
        hour = hour % 12 + (12 if match[7] in "pP" else 0)
    day = date(year, parts["m"], parts["d"])
    moment = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone)
    if match[8] in ("Z", "UTC", "GMT"):
        moment = moment.replace(tzinfo=UTC)
    elif match[8]:
        moment = datetime.fromisoformat(moment.replace(tzinfo=None).isoformat() + match[8])
    return moment.astimezone(UTC)


def read_tags(cell: Any) -> list[str]:
    r"""`"VIP","Blog"` as Mailchimp writes them, `VIP;Blog`, `VIP, Blog` or `["VIP"]`."""
    if isinstance(cell, list):
        parts = [str(each) for each in cell]
    else:
        text = str(cell).strip()
        if text[:1] == "[" and text[-1:] == "]":
            text = text[1:-1]
        found = re.findall(r'"([^"]*)"', text)
        parts = found or re.split(r"[,;|]", text)
    seen = dict.fromkeys(clean_text(part)[:80] for part in parts)
    return [tag for tag in seen if tag][:MAX_ATTRIBUTES]


def clean_text(cell: Any) -> str:
    text = cell if isinstance(cell, str) else str(cell)
    if text.isprintable():
        return text[:MAX_TEXT].strip()
    return str(clean_attributes({"x": text}).get("x", ""))


# What email-validator takes as it stands, nearly always; anything else is left to it. A test compares them.
PLAIN_EMAIL = re.compile(
    r"([A-Za-z0-9_+'-]+(?:\.[A-Za-z0-9_+'-]+)*)@((?:[A-Za-z0-9](?:[A-Za-z0-9]|-(?!-)){0,40}(?<!-)\.)+[A-Za-z]{2,20})"
)
ODD_ENDINGS = ("arpa", "invalid", "local", "localhost", "onion", "test", "example")


def read_email(text: str) -> tuple[str, str]:
    """(address, key) as `leads.read_address` gives them. Raises BadAddress."""
    match = PLAIN_EMAIL.fullmatch(text)
    if match and len(match[1]) <= 64 and len(text) <= 200:
        domain = match[2].lower()
        if not domain.endswith(ODD_ENDINGS):
            return f"{match[1]}@{domain}", f"{match[1].lower()}@{domain}"
    found = read_address(text)
    return found.text, found.key


SEPARATORS = str.maketrans("", "", " -.()\u00a0/")


@lru_cache(maxsize=4096)
def read_phone(text: str, country: str) -> str | None:
    """E.164, or None for what is no telephone of that country."""
    bare = text.translate(SEPARATORS)
    if bare.startswith("00"):
        bare = "+" + bare[2:]
    if country == "ES" and len(bare) in (9, 12) and bare.removeprefix("+34")[0:1] in "6789" and bare.isascii():
        digits = bare.removeprefix("+34")
        if len(digits) == 9 and digits.isdigit():  # the national plan: nine digits, 6 to 9 first
            return f"+34{digits}"
    try:
        number = phonenumbers.parse(bare, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
