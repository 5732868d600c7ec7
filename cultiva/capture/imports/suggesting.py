"""What a file's columns seem to mean: by the tool that wrote them, by their names, by what stands in them."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext

from cultiva.capture.imports.cells import DATE, NO, YES
from cultiva.capture.imports.given_out import REJECT_COLUMNS
from cultiva.capture.imports.mapping import BadPlan, Column, Plan
from cultiva.capture.imports.presets import EVENT_BY_NAME, EVENT_SPECIAL, PRESETS, SPECIAL, recognise, target_of
from cultiva.leads.values import MAX_KEY, country_of_zone
from cultiva.lib.folding import fold

KEY = re.compile(r"[a-z0-9]+")
PHONE = re.compile(r"\+?[\d\s().-]{8,20}")
NUMBER = re.compile(r"-?(?:0|[1-9]\d*|[1-9]\d{0,2}(?:[.,\s]\d{3})+)(?:[.,]\d+)?")


def suggest(
    *, kind: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], language: str, time_zone: str,
    country: str = "", preset: str = "",
) -> Plan:  # fmt: skip
    """What the columns seem to mean: by the tool that wrote them, by their names, by what stands in them."""
    if preset and preset not in PRESETS:
        raise BadPlan(
            gettext("No preset %(preset)r.") % {"preset": preset},
            gettext("one of %(known)s") % {"known": ", ".join(PRESETS)},
        )
    found = (PRESETS[preset] if preset else recognise(columns)) if kind == "leads" else None
    samples = {name: [str(row[n]) for row in rows if row[n] not in ("", None)] for n, name in enumerate(columns)}
    chosen: dict[str, Column] = {}
    for name in columns:
        if name in (*REJECT_COLUMNS, "import_file"):
            target = ""
        elif kind == "events":
            target = EVENT_BY_NAME.get(fold(name.strip()), f"properties.{name.strip()[:MAX_KEY]}")
        else:
            by_name = target_of(name, found)
            target = _target_by_content(samples[name]) or key_of(name) if by_name is None else by_name
        is_single = target in (EVENT_SPECIAL if kind == "events" else SPECIAL)
        if is_single and any(column.target == target for column in chosen.values()):
            target = f"properties.{name}" if kind == "events" else _free_key(target, chosen)
        chosen[name] = _describe(target, samples[name], language)
    if kind == "leads" and not any(column.target == "phone" for column in chosen.values()):
        chosen = {  # a mobile is a telephone, where there is no other
            name: Column("phone") if column.target == "mobile" else column for name, column in chosen.items()
        }
    zone = (found.time_zone if found else "") or time_zone
    return Plan(
        columns=chosen, preset=found.key if found else "", time_zone=zone, language=language,
        country=country or country_of_zone(time_zone),
    )  # fmt: skip


def key_of(name: str) -> str:
    """`Nº de empleados` becomes `n_de_empleados`."""
    return "_".join(KEY.findall(fold(name)))[:MAX_KEY]


def _most(values: Sequence[str], fits: Callable[[str], Any], share: float = 0.9) -> bool:
    return bool(values) and sum(1 for value in values if fits(value.strip())) >= share * len(values)


def _target_by_content(values: Sequence[str]) -> str | None:
    if _most(values, re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+").fullmatch):
        return "email"
    if _most(values, lambda v: v[:1] == "+" and PHONE.fullmatch(v)):
        return "phone"
    return None


def _free_key(target: str, chosen: Mapping[str, Column]) -> str:
    number = 2
    while any(column.target == f"{target}_{number}" for column in chosen.values()):
        number += 1
    return f"{target}_{number}"


def _describe(target: str, values: Sequence[str], language: str) -> Column:  # noqa: PLR0911
    if target in ("consent_time", "confirmed_time", "created_at", "timestamp"):
        order, is_sure = _date_order(values, language)
        return Column(target, "date_time", order, is_sure=is_sure)
    if target == "tags":
        return Column(target, "list")
    if target in SPECIAL or target in EVENT_SPECIAL or not target or target in ("zip", "mobile"):
        return Column(target)
    if _most(values, DATE.fullmatch, 1.0):
        order, is_sure = _date_order(values, language)
        has_time = any(":" in value for value in values)
        return Column(target, "date_time" if has_time else "date", order, is_sure=is_sure)
    if _most(values, NUMBER.fullmatch, 1.0) and max(map(len, values)) <= 15:
        return Column(target, "number", decimal=_decimal_mark(values, language))
    if _most(values, lambda v: fold(v) in YES | NO and fold(v) not in ("0", "1"), 1.0):
        return Column(target, "boolean")
    return Column(target)


def _date_order(values: Sequence[str], language: str) -> tuple[str, bool]:
    """Where the day stands; not sure where no day is beyond the twelfth."""
    found = [match for value in values if (match := DATE.match(value.strip()))]
    if not found or all(len(match[1]) == 4 for match in found):
        return "ymd", True
    if any(int(match[1]) > 12 for match in found):
        return "dmy", True
    if any(int(match[2]) > 12 for match in found):
        return "mdy", True
    return ("mdy" if language == "en" else "dmy"), False


def _decimal_mark(values: Sequence[str], language: str) -> str:
    """`1.234,5` and `1,234.5` tell; so does a mark before any but three digits; the language is asked last."""
    votes = {".": 0, ",": 0}
    for value in values:
        marks = [c for c in value if c in ".,"]
        if not marks:
            continue
        last, digits = marks[-1], len(value) - 1 - value.rfind(marks[-1])
        if len(set(marks)) == 2 or (len(marks) == 1 and digits != 3):
            votes[last] += 1
        elif len(marks) > 1:
            votes["," if last == "." else "."] += 1
    if votes["."] != votes[","]:
        return max(votes, key=lambda mark: votes[mark])
    return "," if language == "es" else "."
