"""The registry of every table that names a lead: what a merge of two leads does with its rows, and how it is undone.

Each room lists its tables in `holds.py`, as `HOLDS = [..]`; the settings name the rooms from the lowest floor up.
`leads.merging` runs them from the top floor down, so that each rule finds what lies below it as it was, compares the
rows of both leads before and after, and keeps the difference: that is what an undo puts back, in the other order.

Exports and erasures (lib.persons) read the same list. `contains` says what becomes of rows where the hold itself does
not: personal (about the person) and figure (computed anew) go, proof (of a consent) and link (ties ids together) stay.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Literal

from django.conf import settings
from django.db import connection
from django.utils.functional import Promise
from django.utils.module_loading import import_string
from psycopg import sql

from cultiva.lib.persons import DELETED, LINK, PROOF, Fate, File, Person

Json = dict[str, Any]
Contents = Literal["personal", "proof", "link", "figure"]


@dataclass(frozen=True)
class Pair:
    """Two leads that become one, or one that become two again. `merged_at` is `at` while merging."""

    workspace_id: int
    kept_id: int
    merged_id: int
    merge_id: int
    at: datetime
    merged_at: datetime
    by: str  # as in the audit log: user:7
    events: list[Any] = field(default_factory=list)  # events.NewEvent, recorded at the end
    notes: Json = field(default_factory=dict)  # what a rule wants to know when the merge is undone
    more: list["Change"] = field(default_factory=list)  # changes of rows that name no lead

    @property
    def parameters(self) -> Json:
        return {
            "workspace": self.workspace_id,
            "kept": self.kept_id,
            "merged": self.merged_id,
            "merge": self.merge_id,
            "at": self.at,
        }


@dataclass(frozen=True)
class Change:
    """What a merge did to one row: only the columns it changed; `before` or `after` is None where there was no row."""

    table: str
    key: Any
    before: Json | None
    after: Json | None


@dataclass(frozen=True)
class Line:
    """One line of a preview, in words. `values`: the kept lead's, the merged lead's, and what comes out."""

    area: str  # identifier | attribute | state | consent | history
    label: str | Promise
    values: Sequence[Any]
    why: str | Promise
    is_warning: bool = False


@dataclass(frozen=True)
class Glance:
    """Rows by table, as jsonb gives them: of each lead before a merge, and of the kept one after it."""

    pair: Pair
    kept: Mapping[str, Sequence[Json]]
    merged: Mapping[str, Sequence[Json]]
    result: Mapping[str, Sequence[Json]]


Rule = Callable[["Pair", "Hold"], None]
Undo = Callable[["Pair", "Hold", Sequence[Change]], None]
Says = Callable[[Glance], Iterable[Line]]


def put_back(pair: Pair, hold: "Hold", changes: Sequence[Change]) -> None:
    """Each column that a merge changed goes back, unless somebody has changed it since."""
    _insert(hold, [each for each in changes if each.after is None])
    _delete(pair, hold, [each for each in changes if each.before is None])
    parts: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        for columns in hold.units_of(change):
            parts.setdefault(columns, []).append(change)
    for columns, rows in sorted(parts.items()):
        _update(pair, hold, columns, rows)


@dataclass(frozen=True)
class Hold:
    """One column that names a lead. `merge`: move, union(..), drop, stay, or a rule of the room's own."""

    table: str
    column: str
    merge: Rule
    contains: Contents = "personal"
    key: str = "id"
    only: str = ""  # SQL: which rows the column names a lead in
    adds_rows: bool = False  # the rule may write new rows; otherwise a row that appears was on its way here
    together: Sequence[tuple[str, ...]] = ()  # columns that go back together or not at all
    undo: Undo = put_back
    says: Says | None = None
    label: str | Promise = ""  # what the rows are, for people; empty: ids and figures
    erased: Fate | None = None
    ids: Callable[[Person], Sequence[Any]] | None = None  # what of a person the column holds, where it is no lead
    hidden: Sequence[str] = ()  # columns that an export leaves out: secrets, and files
    file: File | None = None
    also: str = ""  # SQL: what an export adds to a row of `t`

    @property
    def fate(self) -> Fate:
        """What an erasure makes of the rows."""
        return self.erased or FATES[self.contains]

    def of(self, person: Person) -> tuple[sql.Composable, Json]:
        """As in lib.persons.Place."""
        named: Sequence[Any] = person.visitors if self.column == "visitor" else person.lead_ids
        ids = self.ids(person) if self.ids else named
        condition = sql.SQL("t.workspace_id = %(workspace)s AND t.{} = ANY (%(ids)s) {}").format(
            sql.Identifier(self.column), sql.SQL(f"AND t.{self.only}" if self.only else "")
        )
        return condition, person.parameters | {"ids": list(ids)}

    @property
    def is_recorded(self) -> bool:
        """Rows that stay where they are, and those that only the owner may change, have nothing to put back."""
        return self.merge is not stay and not getattr(self.merge, "is_append_only", False)

    def units_of(self, change: Change) -> list[tuple[str, ...]]:
        """The columns a change touched, in the groups that go back together."""
        if change.before is None or change.after is None:
            return []
        left = set(change.before)
        groups = [tuple(c for c in group if c in left) for group in self.together]
        groups = [group for group in groups if group]
        return groups + [(column,) for column in sorted(left - {c for group in groups for c in group})]


FATES: dict[str, Fate] = {"personal": DELETED, "figure": DELETED, "proof": PROOF, "link": LINK}


def move(pair: Pair, hold: Hold) -> None:
    """The rows become the kept lead's."""
    run("UPDATE {table} SET {column} = %(kept)s WHERE workspace_id = %(workspace)s AND {column} = %(merged)s{only}",
        hold, pair.parameters)  # fmt: skip


def union(*unique: str, earliest: str = "") -> Rule:
    """Rows that the kept lead lacks become theirs. Where both have one, the kept lead's stays, with the earlier
    instant in `earliest`; the other stays with the merged lead, out of sight, until an undo."""

    def join(pair: Pair, hold: Hold) -> None:
        same = sql.SQL(" AND ").join(sql.SQL("k.{0} = m.{0}").format(sql.Identifier(name)) for name in unique)
        if earliest:
            run("UPDATE {table} k SET {earliest} = m.{earliest} FROM {table} m"
                " WHERE k.workspace_id = %(workspace)s AND k.{column} = %(kept)s"
                " AND m.workspace_id = %(workspace)s AND m.{column} = %(merged)s AND {same}{only_k}{only_m}"
                " AND m.{earliest} < k.{earliest}",
                hold, pair.parameters, same=same, earliest=sql.Identifier(earliest))  # fmt: skip
        run("UPDATE {table} m SET {column} = %(kept)s"
            " WHERE m.workspace_id = %(workspace)s AND m.{column} = %(merged)s{only_m}"
            " AND NOT EXISTS (SELECT FROM {table} k WHERE k.workspace_id = %(workspace)s"
            " AND k.{column} = %(kept)s AND {same}{only_k})",
            hold, pair.parameters, same=same)  # fmt: skip

    return join


def drop(pair: Pair, hold: Hold) -> None:
    """What is computed: the merged lead's goes, the kept lead's is computed anew by `flow`."""
    run("DELETE FROM {table} WHERE workspace_id = %(workspace)s AND {column} = %(merged)s{only}",
        hold, pair.parameters)  # fmt: skip


def stay(pair: Pair, hold: Hold) -> None:
    """The rows are history: they stay as they are, and readers follow `lead_alias`."""


def by_another(pair: Pair, hold: Hold) -> None:
    """The rule of another table of the room writes these rows."""


def counted(table: str, label: str | Promise, why: str | Promise) -> Says:
    """A line of a preview that counts rows; none where the merged lead has none."""

    def say(glance: Glance) -> Iterable[Line]:
        counts = [len(rows.get(table, ())) for rows in (glance.kept, glance.merged, glance.result)]
        if counts[1]:
            yield Line("history", label, counts, why)

    return say


def append_only(rule: Rule) -> Rule:
    """Marks a rule that adds to a table which nothing is taken from."""
    rule.is_append_only = True  # type: ignore[attr-defined]
    return rule


@cache
def holds() -> tuple[Hold, ...]:
    """Every hold of every room, from the lowest floor up."""
    return tuple(hold for name in settings.HOLDS for hold in import_string(f"{name}.HOLDS"))


def recorded() -> dict[str, list[Hold]]:
    """{table: its holds} of those whose rows a merge may change, from the lowest floor up."""
    found: dict[str, list[Hold]] = {}
    for hold in holds():
        if hold.is_recorded:
            found.setdefault(hold.table, []).append(hold)
    return found


def run(statement: str, hold: Hold, parameters: Json, **parts: sql.Composable) -> int:
    """A statement over a hold's table: {table}, {column}, {key} and {only} are put in as identifiers."""
    names = {"table": hold.table, "column": hold.column, "key": hold.key}
    # The condition of a hold is a constant of its room.
    conditions = {
        "only": sql.SQL(f" AND {hold.only}" if hold.only else ""),
        "only_k": sql.SQL(f" AND k.{hold.only}" if hold.only else ""),
        "only_m": sql.SQL(f" AND m.{hold.only}" if hold.only else ""),
    }
    conditions["as_left"] = sql.SQL(AS_LEFT)
    composed = sql.SQL(statement).format(
        **{name: sql.Identifier(value) for name, value in names.items()}, **conditions, **parts
    )
    with connection.cursor() as cursor:
        cursor.execute(composed, parameters)
        return int(cursor.rowcount)


# Every column still is as the merge left it.
AS_LEFT = "NOT EXISTS (SELECT FROM jsonb_each(c.after) AS was WHERE to_jsonb(t) -> was.key IS DISTINCT FROM was.value)"


def _rows(changes: Sequence[Change]) -> str:
    return json.dumps([{"key": each.key, "before": each.before, "after": each.after} for each in changes])


def _insert(hold: Hold, changes: Sequence[Change]) -> None:
    if changes:
        run("INSERT INTO {table} SELECT r.* FROM jsonb_to_recordset(%(rows)s::jsonb) AS c(before jsonb),"
            " jsonb_populate_record(NULL::{table}, c.before) AS r ON CONFLICT DO NOTHING",
            hold, {"rows": _rows(changes)})  # fmt: skip


def _delete(pair: Pair, hold: Hold, changes: Sequence[Change]) -> None:
    if changes:
        run("DELETE FROM {table} t USING jsonb_to_recordset(%(rows)s::jsonb) AS c(key text, after jsonb)"
            " WHERE t.workspace_id = %(workspace)s AND t.{key}::text = c.key AND {as_left}",
            hold, {"rows": _rows(changes), "workspace": pair.workspace_id})  # fmt: skip


def _update(pair: Pair, hold: Hold, columns: Sequence[str], changes: Sequence[Change]) -> None:
    only = [
        Change(
            each.table,
            each.key,
            {column: (each.before or {})[column] for column in columns},
            {column: (each.after or {})[column] for column in columns},
        )
        for each in changes
    ]
    sets = sql.SQL(", ").join(sql.SQL("{0} = r.{0}").format(sql.Identifier(column)) for column in columns)
    run("UPDATE {table} t SET {sets}"
        " FROM jsonb_to_recordset(%(rows)s::jsonb) AS c(key text, before jsonb, after jsonb),"
        " jsonb_populate_record(NULL::{table}, c.before) AS r"
        " WHERE t.workspace_id = %(workspace)s AND t.{key}::text = c.key AND {as_left}",
        hold, {"rows": _rows(only), "workspace": pair.workspace_id}, sets=sets)  # fmt: skip
