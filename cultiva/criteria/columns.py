"""A workspace's leads and events in the columnar engine, for criteria.bulk: the tables that criteria.files makes of
files, made of the store and the archive. All are gone with the scope, so what is erased is nowhere else.

    event           lead_id, name, occurred_at, and the raw value of each property: what persons did, up to `until`
    person          lead_id, created_at, owner (text, empty: nobody's), of every lead that is valid
    lead            lead_id, and the raw value of each attribute, as of the instant that `stand_at` was given
    elements_<c>    the distinct raw values of column c, taken apart and folded
"""

# ruff: noqa: S608 (statements are made of our own names and quoted ones; values are bound)

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import connection as store

from cultiva.consent.notices import PROFILING
from cultiva.criteria.conditions.event import RECORDS
from cultiva.criteria.context import ACTS, ANY
from cultiva.criteria.files import Connection, engine, insert_rows, json_path, quoted, take_apart, write_rows
from cultiva.criteria.offline import Wanted
from cultiva.events.archive import ledger
from cultiva.leads.history import earlier_attributes
from cultiva.lib.database import load_sql, workspace_scope

MEMORY = "1200MB"  # beyond it, tables go through files
BEGINNING, END = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
CHUNK = 5000  # leads whose tellings are heard at once
CSV = (
    "header = false, auto_detect = false, delim = ',', quote = '\"', escape = '\"', nullstr = '\\N',"
    " allow_quoted_nulls = false, max_line_size = 16777216"
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Columns:
    """Tables of a workspace. `attributes`: {name: column}; `since` and `until`: what can be asked for."""

    connection: Connection
    attributes: Mapping[str, str]
    since: datetime
    until: datetime

    def stand_at(self, instant: datetime) -> int:
        """Make table `lead` anew: who was valid and could be profiled then, with what was known of them then.

        Returns how many. From `until` on that is what holds now. Events are not touched: statements bind the instant.
        """
        columns = ", ".join(["p.lead_id", *(f"k.{column}" for column in self.attributes.values())])
        profiled = PROFILED_NOW if instant >= self.until else PROFILED_THEN
        self.connection.execute(
            f"CREATE OR REPLACE TABLE lead AS SELECT {columns} FROM person p"
            f" JOIN known k ON k.lead_id = p.lead_id AND k.since <= $at AND k.until > $at"
            f" LEFT JOIN (SELECT lead_id, {SAID} FROM word GROUP BY lead_id) w ON w.lead_id = p.lead_id"
            f" WHERE {profiled}",
            {"at": instant},
        )
        return int(self.connection.execute("SELECT count(*) FROM lead").fetchall()[0][0])


# As consent.history: from the last word on profiling on the mark alone counts; before it, the words do.
SAID = (
    "arg_max(name, (occurred_at, id)) FILTER (WHERE occurred_at <= $at) AS said,"
    " arg_min(name, (occurred_at, id)) FILTER (WHERE occurred_at > $at) AS later"
)
PROFILED_NOW = "p.profiled_since IS NOT NULL AND p.objected_at IS NULL AND $at IS NOT NULL"
PROFILED_THEN = (
    "p.valid_since <= $at AND (p.objected_at IS NULL OR p.objected_at > $at)"
    " AND CASE WHEN w.said IS NOT NULL AND w.later IS NOT NULL THEN w.said <> 'withdrawn'"
    " WHEN p.profiled_since IS NOT NULL THEN p.profiled_since <= $at OR coalesce(w.later = 'withdrawn', false)"
    " ELSE p.objected_at IS NOT NULL END"
)


@contextmanager
def workspace_columns(
    *, workspace_id: int, wanted: Wanted, until: datetime, since: datetime | None = None
) -> Iterator[Columns]:
    """`wanted`: what the statements name (compile_bulk_model and compile_bulk tell). From `since` (or `until` alone)
    to `until` the leads can be asked for as they stood. Closed months of the ledger are read from the archive.
    """
    since = since or until
    with engine() as connection, tempfile.TemporaryDirectory(prefix="cultiva-columns-") as folder:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        reader = _Reader(connection, workspace_id, Path(folder))
        with ledger(workspace_id=workspace_id, since=BEGINNING, until=END, into=connection):
            told_later = reader.read_events(wanted, since, until)
        reader.read_people(wanted.attributes)
        reader.read_past(wanted.attributes, told_later)
        for column in wanted.attributes.values():
            take_apart(connection, "known", column, "json")
        for column in wanted.properties.values():
            take_apart(connection, "event", column, "json")
        yield Columns(connection, wanted.attributes, since, until)


# {form of an attribute: SQL of its JSON as a column of a file}
SHAPES = {
    "number": "TRY_CAST({0}::JSON ->> '$' AS DOUBLE)",
    "boolean": "TRY_CAST({0}::JSON ->> '$' AS BOOLEAN)",
    "list": "CASE json_type({0}::JSON) WHEN 'ARRAY' THEN ({0}::JSON)::VARCHAR[] WHEN 'VARCHAR' THEN [{0}::JSON ->> '$']"
    " END",
    "text": "{0}::JSON ->> '$'",
}


def write_history(*, workspace_id: int, attributes: Mapping[str, str], at: datetime, folder: Path) -> tuple[int, int]:
    """leads.parquet and events.parquet, as criteria.files reads them; returns how many leads and events.

    The leads that may be profiled as of `at`, with these attributes ({name: one of SHAPES}), and what they did,
    without machines, in the order of time. Raises UnreadableFile where the folder cannot be written.
    """
    columns = {name: f"a{number}" for number, name in enumerate(attributes)}
    wanted = Wanted(columns, {(): "properties"}, {ANY, *RECORDS})
    with engine() as connection, tempfile.TemporaryDirectory(prefix="cultiva-columns-") as scratch:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        reader = _Reader(connection, workspace_id, Path(scratch))
        with ledger(workspace_id=workspace_id, since=BEGINNING, until=END, into=connection):
            told_later = reader.read_events(wanted, at, at)
        reader.read_people(columns)
        reader.read_past(columns, told_later)
        Columns(connection, columns, at, at).stand_at(at)
        shaped = [SHAPES[attributes[name]].format(f"l.{column}") for name, column in columns.items()]
        named = [f"{sql} AS {quoted(name)}" for sql, name in zip(shaped, attributes, strict=True)]
        listed = ["l.lead_id", *named, "p.created_at", "p.owner"]
        people = f"SELECT {', '.join(listed)} FROM lead l JOIN person p USING (lead_id) ORDER BY l.lead_id"
        leads = write_rows(connection, people, folder / "leads.parquet")
        acts = "SELECT e.lead_id, e.name, e.occurred_at, e.properties FROM event e SEMI JOIN lead USING (lead_id)"
        return leads, write_rows(connection, f"{acts} ORDER BY e.occurred_at", folder / "events.parquet")


@dataclass(frozen=True)
class _Reader:
    connection: Connection
    workspace_id: int
    folder: Path

    def read_events(self, wanted: Wanted, since: datetime, until: datetime) -> list[int]:
        """Tables `event` and `word`; returns the leads of whom something was told after `since`."""
        self._copy("link", {"visitor": "UUID", "lead_id": "BIGINT"}, "SELECT visitor, lead_id FROM visitor_link")
        self._copy("alias", {"merged_id": "BIGINT", "lead_id": "BIGINT"}, "SELECT merged_id, lead_id FROM lead_alias")
        self._copy("marked", {"id": "BIGINT"}, "SELECT event_id FROM machine_event")
        name, acts = "CASE kind WHEN 'track' THEN name ELSE kind END", list(ACTS) if ANY in wanted.events else []
        values = [
            f"json_extract(properties, {json_path(path)})::VARCHAR AS {column}"
            for path, column in wanted.properties.items()
        ]
        acted = [f"kind IN {ACTS} AS is_act"] if acts else []
        columns = [f"nullif({column}, 'null') AS {column}" for column in wanted.properties.values()]
        columns += ["is_act"] * bool(acts)
        self.connection.execute(
            f"CREATE TABLE event AS SELECT {', '.join(['lead_id', 'name', 'occurred_at', *columns])} FROM ("
            f" SELECT {LEAD} AS lead_id, {', '.join([f'{name} AS name', 'occurred_at', *values, *acted])} FROM {LIVED}"
            " WHERE e.actor <> 'machine' AND e.occurred_at <= $until AND e.id NOT IN (SELECT id FROM marked)"
            f" AND ({name} IN (SELECT unnest($names::TEXT[])) OR kind IN (SELECT unnest($acts::TEXT[]))))"
            " WHERE lead_id IS NOT NULL",
            {"until": until, "names": sorted(set(wanted.events) - {ANY}), "acts": acts},
        )
        self.connection.execute(
            f"CREATE TABLE word AS SELECT {LEAD} AS lead_id, id, name, occurred_at FROM {LIVED}"
            " WHERE kind = 'consent' AND name IN ('given', 'withdrawn') AND properties ->> 'purpose' = $purpose",
            {"purpose": PROFILING},
        )
        rows = self.connection.execute(
            f"SELECT DISTINCT {LEAD} AS lead_id FROM {LIVED} WHERE kind = 'identify' AND occurred_at > $since",
            {"since": since},
        ).fetchall()
        return sorted(row[0] for row in rows if row[0] is not None)

    def read_people(self, attributes: Mapping[str, str]) -> None:
        """Tables `person`, and `present`: the attributes that they have now."""
        names = {f"n{number}": name for number, name in enumerate(attributes)}
        values = ", ".join(f"(l.attributes -> %({bound})s::text)::text" for bound in names)
        instants = ("created_at", "valid_since", "profiled_since", "objected_at")
        self._copy(
            "read_person",
            {"lead_id": "BIGINT", "owner": "TEXT", **dict.fromkeys(instants, "BIGINT"),
             **dict.fromkeys(attributes.values(), "TEXT")},
            load_sql("criteria", "people").replace("/* values */", f", {values}" if values else ""),
            names,
        )  # fmt: skip
        made = ", ".join(f"make_timestamptz({each}) AS {each}" for each in instants)
        self.connection.execute(f"CREATE TABLE person AS SELECT lead_id, owner, {made} FROM read_person")
        kept = ", ".join(["lead_id", *attributes.values()])
        self.connection.execute(f"CREATE TABLE present AS SELECT {kept} FROM read_person")
        self.connection.execute("DROP TABLE read_person")

    def read_past(self, attributes: Mapping[str, str], told_later: list[int]) -> None:
        """Table `known`: lead_id, since, until, and the attributes between the two."""
        columns = "".join(f", {column} TEXT" for column in attributes.values())
        self.connection.execute(f"CREATE TABLE past (lead_id BIGINT, since TIMESTAMPTZ, until TIMESTAMPTZ{columns})")
        for start in range(0, len(told_later), CHUNK):
            with workspace_scope(self.workspace_id):
                earlier = earlier_attributes(workspace_id=self.workspace_id, lead_ids=told_later[start : start + CHUNK])
                rows = [
                    (lead_id, begin or BEGINNING, end, *(_raw(known.get(name)) for name in attributes))
                    for lead_id, begin, end, known in earlier
                ]
            insert_rows(self.connection, "past", rows)
        listed = "".join(f", p.{column}" for column in attributes.values())
        self.connection.execute(
            "CREATE TABLE known AS FROM past UNION ALL"
            f" SELECT p.lead_id, coalesce(e.until, $beginning), $end{listed} FROM present p"
            " LEFT JOIN (SELECT lead_id, max(until) AS until FROM past GROUP BY lead_id) e USING (lead_id)",
            {"beginning": BEGINNING, "end": END},
        )
        self.connection.execute("DROP TABLE past")
        self.connection.execute("DROP TABLE present")

    def _copy(self, table: str, columns: Mapping[str, str], sql: str, parameters: Mapping[str, Any] = {}) -> None:
        """Rows of the store into a table of the engine; `sql` is limited to the workspace."""
        path = self.folder / f"{table}.csv"
        limited = sql if "%(workspace)s" in sql else f"{sql} WHERE workspace_id = %(workspace)s"
        with workspace_scope(self.workspace_id), store.cursor() as cursor, path.open("wb") as file:
            copying = f"COPY ({limited}) TO STDOUT (FORMAT csv, NULL '\\N', FORCE_QUOTE *)"
            with cursor.cursor.copy(copying, {"workspace": self.workspace_id, **parameters}) as copy:
                for data in copy:
                    file.write(data)
        types = ", ".join(f"'{name}': '{type_}'" for name, type_ in columns.items())
        self.connection.execute(f"CREATE TABLE {table} AS FROM read_csv('{path}', {CSV}, columns = {{{types}}})")
        path.unlink()


def _raw(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


# As view `lead_event`: events of a merged lead are the kept one's, those of a visitor whose lead they are.
LEAD = "coalesce(a.lead_id, e.lead_id, v.lead_id)"
LIVED = (
    "ledger e LEFT JOIN link v ON e.lead_id IS NULL AND v.visitor = e.visitor"
    " LEFT JOIN alias a ON a.merged_id = e.lead_id"
)
