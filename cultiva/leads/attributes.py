"""What is known of leads and companies, by key: each key has a type, guessed on first sight and changed by staff.

A value of the wrong type is not lost: it is kept aside (`Misfit`), shown, and comes back when the type fits.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cultiva.leads.models import Attribute
from cultiva.leads.values import (
    MAX_KEY,
    TYPES,
    WrongType,
    coerce,
    countries,
    country_of_zone,
    guess_type,
    read_money,
)
from cultiva.lib.database import execute, fetch_all, load_sql

Json = dict[str, Any]

MAX_DEFINITIONS = 500  # of one subject in one workspace
MAX_MISFITS = 200  # of one lead or company
TOO_MANY = f"There are {MAX_DEFINITIONS} attributes already."


class AttributeRefused(ValueError):
    """The definition cannot be so; the message says why and the way out."""


# Definitions


@dataclass(frozen=True)
class Workspace:
    """What a workspace says of values that leave it out."""

    id: int
    time_zone: str
    language: str

    @property
    def country(self) -> str:
        return country_of_zone(self.time_zone)


def workspace_of(workspace_id: int) -> Workspace:
    row = fetch_all("SELECT id, time_zone, language FROM workspace WHERE id = %s", [workspace_id])[0]
    return Workspace(**row)


def definitions(workspace_id: int, subject: str) -> dict[str, Attribute]:
    """{key: definition} of `lead` or `company`."""
    found = Attribute.objects.filter(workspace_id=workspace_id, subject=subject).order_by("key")
    return {each.key: each for each in found}


def learn_definitions(
    *, workspace_id: int, subject: str, seen: Mapping[str, Sequence[Any]], at: datetime, country: str = ""
) -> dict[str, Attribute]:
    """All definitions, new ones made for keys seen for the first time. A key beyond the limit gets none."""
    known = definitions(workspace_id, subject)
    new = [key for key in sorted(seen) if key not in known][: max(MAX_DEFINITIONS - len(known), 0)]
    if not new:
        return known
    rows = [_guess(key, seen[key], country) for key in new]
    parameters = {"workspace": workspace_id, "subject": subject, "rows": json.dumps(rows), "at": at}
    execute(load_sql("leads", "learn_attributes"), parameters)
    return definitions(workspace_id, subject)


def _guess(key: str, values: Sequence[Any], country: str) -> Json:
    type_ = guess_type(key, values, country=country)
    choices: list[str] = []
    if type_ == "money":
        choices = [read_money(values[0])[1]]
    return {"key": key, "type": type_, "choices": choices}


def value_of(definition: Attribute, value: Any, *, time_zone: str, country: str) -> Any:
    """Raises WrongType."""
    return coerce(definition.type, value, choices=definition.choices, time_zone=time_zone, country=country)


def check_definition(*, key: str, type: str, choices: Sequence[str] = ()) -> list[str]:
    """The choices as they are kept. Raises AttributeRefused."""
    if not key or len(key) > MAX_KEY or key != key.strip():
        raise AttributeRefused(f"{key[:MAX_KEY]!r} cannot be a key.\nhint: 1 to {MAX_KEY} characters")
    if type not in TYPES:
        raise AttributeRefused(f"There is no type {type!r}.\nhint: one of {', '.join(TYPES)}")
    kept = list(dict.fromkeys(" ".join(choice.split()) for choice in choices if choice.strip()))
    if type == "money":
        if len(kept) > 1 or not all(re.fullmatch("[A-Za-z]{3}", choice) for choice in kept):
            raise AttributeRefused("Money has one currency.\nhint: a code of three letters, such as EUR")
        return [choice.upper() for choice in kept]
    return kept if type in ("choice", "multi_choice") else []


def define(
    *,
    workspace_id: int,
    subject: str,
    key: str,
    type: str,
    at: datetime,
    label: str = "",
    choices: Sequence[str] = (),
) -> Attribute:
    """Say what a key means before the first value comes, or name it anew. Raises AttributeRefused.

    Where the key is known with another type, `retyping.change_type` is the way: its values move with it.
    """
    kept = check_definition(key=key, type=type, choices=choices)
    known = definitions(workspace_id, subject)
    if key not in known and len(known) >= MAX_DEFINITIONS:
        raise AttributeRefused(f"{TOO_MANY}\nhint: use one of them")
    attribute, _is_new = Attribute.objects.update_or_create(
        workspace_id=workspace_id, subject=subject, key=key,
        defaults={"label": label[:120], "type": type, "choices": kept, "is_guessed": False},
        create_defaults={
            "label": label[:120], "type": type, "choices": kept, "is_guessed": False, "created_at": at,
        },
    )  # fmt: skip
    return attribute


# Fitting raw values to definitions


@dataclass(frozen=True)
class Told:
    """One value that was told of a key, and when."""

    value: Any
    at: datetime


@dataclass(frozen=True)
class MisfitValue:
    value: Any
    at: datetime
    reason: str


def fit(
    told: Mapping[str, Sequence[Told]], known: Mapping[str, Attribute], *, time_zone: str, country: str
) -> tuple[Json, dict[str, MisfitValue]]:
    """(attributes, misfits): of each key the newest value that fits, and aside a newer one that does not.

    `told`: the values of each key, newest first. The country that was told is where telephone numbers are of.
    """
    attributes: Json = {}
    misfits: dict[str, MisfitValue] = {}
    for key in sorted(told, key=lambda key: (key != "country", key)):
        definition = known.get(key)
        for each in told[key]:
            try:
                if definition is None:
                    raise WrongType(TOO_MANY)
                local = str(attributes.get("country") or "")
                attributes[key] = value_of(
                    definition, each.value, time_zone=time_zone, country=local if local in countries() else country
                )
                break
            except WrongType as error:
                misfits.setdefault(key, MisfitValue(each.value, each.at, str(error)[:300]))
    return attributes, misfits


def save_misfits(
    *,
    workspace_id: int,
    subject: str,
    misfits: Mapping[int, Mapping[str, MisfitValue]],
    keep_others: bool = False,
) -> None:
    """Keep the misfits of some subjects, and no others of theirs unless told to."""
    rows = [
        {"subject_id": id, "key": key, "value": each.value, "reason": each.reason, "seen_at": each.at.isoformat()}
        for id, by_key in misfits.items()
        for key, each in list(by_key.items())[:MAX_MISFITS]
    ]
    parameters = {
        "workspace": workspace_id, "subject": subject, "subjects": list(misfits), "rows": json.dumps(rows),
    }  # fmt: skip
    if misfits and not keep_others:
        execute(load_sql("leads", "forget_misfits"), parameters)
    if rows:
        execute(load_sql("leads", "save_misfits"), parameters)
