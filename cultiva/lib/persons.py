"""One person across all tables: what an export reads of them, and what an erasure makes of it.

`lib.holds` names the tables whose rows name a lead. Others hold what somebody sent or was sent before it was anybody's
(held submissions, faulty messages, files of imports, kept mails): a room names these in `TRACES`, and they are searched
for the person's addresses and telephones.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any, Literal, Protocol
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from psycopg import sql

from cultiva.lib.database import fetch_all

Json = dict[str, Any]
Words = str | Promise

SEPARATORS = r"[ ().\-/]+"  # that people write into a telephone number
SHORTEST_NATIONAL = 9  # digits: what is shorter stands in other numbers, too
DIAL_CODE = 2  # digits, of most: what stays is how the number is written at home
READ_AT_ONCE = 500


@dataclass(frozen=True)
class Person:
    """All that one person goes by. `lead_ids`: the lead they are, first, and those that were merged into it."""

    workspace_id: int
    lead_ids: tuple[int, ...]
    visitors: tuple[UUID, ...]
    addresses: tuple[str, ...]  # as they were written, and as they are compared
    phones: tuple[str, ...]  # E.164
    names: tuple[str, ...]  # first and last name together
    at: datetime

    @property
    def address_keys(self) -> list[str]:
        return sorted({address.casefold() for address in self.addresses})

    @property
    def parameters(self) -> Json:
        words = {*self.address_keys, *(json.dumps(address)[1:-1] for address in self.address_keys)}
        return {
            "workspace": self.workspace_id,
            "leads": list(self.lead_ids),
            "visitors": list(self.visitors),
            "at": self.at,
            "named": [f"%{_escaped(word.casefold())}%" for word in sorted({*words, *self.names})],
            "words": [f"%{_escaped(word)}%" for word in sorted(words)],
            "numbers": [f"%{number}%" for number in self.numbers],
            "texts": sorted({*self.addresses, *self.address_keys, *self.phones}),
        }

    @property
    def numbers(self) -> list[str]:
        """Telephones as digits, with their dial code and without."""
        digits = [phone.lstrip("+") for phone in self.phones]
        at_home = [each[DIAL_CODE:] for each in digits if len(each) - DIAL_CODE >= SHORTEST_NATIONAL]
        return [*digits, *at_home]

    def is_in(self, text: str) -> bool:
        folded, squeezed = text.casefold(), re.sub(SEPARATORS, "", text)
        return any(key in folded for key in self.address_keys) or any(each in squeezed for each in self.numbers)

    def out_of(self, text: str) -> str:
        """A text without what names the person."""
        for word in sorted({*self.addresses, *self.phones, *self.numbers, *self.names}, key=len, reverse=True):
            text = re.sub(re.escape(word), "…", text, flags=re.IGNORECASE)
        return text


class Place(Protocol):
    """Where rows of a person are: a `Hold` or a `Trace`."""

    @property
    def table(self) -> str: ...

    def of(self, person: Person) -> tuple[sql.Composable, Json]:
        """The condition that a row of `t` is theirs, with its parameters."""


Rule = Callable[[Person, Place], int]  # returns how many rows it touched


@dataclass(frozen=True)
class Fate:
    """What an erasure makes of rows, and why, in words for who decides."""

    outcome: Literal["deleted", "emptied", "kept"]
    run: Rule
    why: Words = ""


def delete(person: Person, place: Place) -> int:
    condition, parameters = place.of(person)
    return _run(sql.SQL("DELETE FROM {} t WHERE {}").format(sql.Identifier(place.table), condition), parameters)


def keep(person: Person, place: Place) -> int:
    return 0


def empty(**values: Any) -> Rule:
    """The columns get these values; lists and dictionaries as JSON."""

    def run(person: Person, place: Place) -> int:
        condition, parameters = place.of(person)
        sets = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(f"value_{name}")) for name in values
        )
        given = {
            f"value_{name}": json.dumps(value) if isinstance(value, dict | list) else value
            for name, value in values.items()
        }
        statement = sql.SQL("UPDATE {} t SET {} WHERE {}").format(sql.Identifier(place.table), sets, condition)
        return _run(statement, parameters | given)

    return run


def redact(column: str) -> Rule:
    """The person's words become an ellipsis; what others rely on in the same value stays."""

    def run(person: Person, place: Place) -> int:
        condition, parameters = place.of(person)
        words = sorted({*person.addresses, *person.phones, *person.numbers, *person.names}, key=len, reverse=True)
        pattern = "|".join(re.escape(word) for word in words)
        statement = sql.SQL(
            "UPDATE {table} t SET {column} = regexp_replace({column}::text, %(pattern)s, '…', 'gi')::jsonb WHERE {rows}"
        ).format(table=sql.Identifier(place.table), column=sql.Identifier(column), rows=condition)
        return _run(statement, parameters | {"pattern": pattern})

    return run


DELETED = Fate("deleted", delete)
PROOF = Fate("kept", keep, _("It proves what was agreed and withdrawn, by numbers, dates and hashes alone."))
WITHOUT = _("What others rely on stays, without what names them.")
LINK = Fate("kept", keep, _("Numbers that tie records together. They name nobody."))


@dataclass(frozen=True)
class File:
    """The columns of a file that stands in a row."""

    name: str
    content: str
    ending: str = ""


@dataclass(frozen=True)
class Trace:
    """A table that may hold a person's words without naming their lead. `columns` are searched."""

    table: str
    columns: Sequence[str]
    label: Words
    fate: Fate = DELETED
    key: str = "id"
    is_binary: bool = False
    or_else: str = ""  # SQL: rows of `t` that are theirs by another sign
    reads: Callable[[str], str] | None = None  # of one column that is stored encrypted
    hidden: Sequence[str] = ()  # columns that an export leaves out
    file: File | None = None
    also: str = ""
    is_name: bool = False  # short texts, in which a person's name alone is theirs, too

    def of(self, person: Person) -> tuple[sql.Composable, Json]:
        if self.reads:
            keys = [key for key, text in self._read(person) if person.is_in(text)]
            condition: sql.Composable = sql.SQL("t.{} = ANY (%(keys)s)").format(sql.Identifier(self.key))
            return self._here(condition), person.parameters | {"keys": keys}
        wanted = BINARY if self.is_binary else NAME if self.is_name else TEXT
        parts: list[sql.Composable] = [sql.SQL(wanted).format(sql.Identifier(name)) for name in self.columns]
        if self.or_else:
            parts.append(sql.SQL(self.or_else))
        return self._here(sql.SQL("({})").format(sql.SQL(" OR ").join(parts))), person.parameters

    def _here(self, condition: sql.Composable) -> sql.Composable:
        return sql.SQL("t.workspace_id = %(workspace)s AND {}").format(condition)

    def _read(self, person: Person) -> Iterator[tuple[Any, str]]:
        assert self.reads
        after = 0
        statement = sql.SQL(
            "SELECT {key} AS key, {column} AS stored FROM {table}"
            " WHERE workspace_id = %(workspace)s AND {key} > %(after)s ORDER BY {key} LIMIT %(most)s"
        ).format(
            key=sql.Identifier(self.key), column=sql.Identifier(self.columns[0]), table=sql.Identifier(self.table)
        )  # fmt: skip
        parameters = {"workspace": person.workspace_id, "most": READ_AT_ONCE}
        while rows := _fetch(statement, parameters | {"after": after}):
            yield from ((row["key"], self.reads(row["stored"])) for row in rows)
            after = rows[-1]["key"]


TEXT = (
    "(lower(t.{0}::text) LIKE ANY (%(words)s)"
    f" OR regexp_replace(t.{{0}}::text, '{SEPARATORS}', '', 'g') LIKE ANY (%(numbers)s))"
)
NAME = TEXT.replace("%(words)s", "%(named)s")
BINARY = "EXISTS (SELECT FROM unnest(%(texts)s::text[]) AS word WHERE position(convert_to(word, 'UTF8') IN t.{0}) > 0)"


@cache
def traces() -> tuple[Trace, ...]:
    """Every trace of every room, from the lowest floor up."""
    return tuple(trace for name in settings.HOLDS for trace in getattr(import_module(name), "TRACES", ()))


def count(person: Person, place: Place) -> int:
    condition, parameters = place.of(person)
    statement = sql.SQL("SELECT count(*) AS n FROM {} t WHERE {}").format(sql.Identifier(place.table), condition)
    return int(_fetch(statement, parameters)[0]["n"])


def rows_of(person: Person, place: Place, *, also: str = "") -> list[Json]:
    """The rows as JSON would have them. `also`: SQL that adds to each."""
    condition, parameters = place.of(person)
    statement = sql.SQL("SELECT to_jsonb(t) {also} AS row FROM {table} t WHERE {rows}").format(
        also=sql.SQL(f"|| {also}" if also else ""), table=sql.Identifier(place.table), rows=condition
    )
    return [row["row"] for row in _fetch(statement, parameters)]


def _escaped(word: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", word)


def _run(statement: sql.Composable, parameters: Json) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def _fetch(statement: sql.Composable, parameters: Json) -> list[Json]:
    return fetch_all(statement, parameters)  # type: ignore[arg-type]  # Django hands it to psycopg as it is
