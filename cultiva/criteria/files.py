"""Files of leads and events, read into the columnar engine for criteria.bulk: only what is asked for.

    lead            lead_id, and the raw value of each attribute that is asked for
    event           lead_id, name, occurred_at, and the raw value of each property
    elements_<c>    the distinct raw values of column c, taken apart and folded
    reject          the rows that could not be taken

CSV (comma, semicolon or tab; UTF-8), Parquet, a folder of Parquet files in the order of their paths, or the rows of a
DataFrame. What a column holds becomes a raw text, and how that text is read
is the column's form: `text`, `list` (parted by |), `number`, `boolean`, or `json` for all that can be any of them.
"""

# ruff: noqa: S608 (statements are made of our own names and quoted ones; values are bound)

import csv
import json
import math
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from django.utils.translation import gettext

from cultiva.criteria.conditions.event import RECORDS
from cultiva.criteria.context import ANY
from cultiva.lib.documents import DocumentError, nearest
from cultiva.lib.folding import compared_text, fold
from cultiva.lib.refusals import Refusal

Connection = duckdb.DuckDBPyConnection

LEAD_KEYS = ("lead_id",)
EVENT_KEYS = ("lead_id", "name", "occurred_at")
NOT_PROPERTIES = (*EVENT_KEYS, "actor", "properties")
DELIMITERS = ",;\t"
LONGEST_LINE = 16 * 1024**2  # bytes
ROWS_AT_ONCE = 100_000  # of distinct values, on their way through Python
INSTANT = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)
# A text that folding leaves as it is needs no way through Python.
MAY_FOLD = r"[A-Z]|[^\x00-\x7F]"


class UnreadableFile(Refusal):
    """A file cannot be used as a whole; the message says which, why, and the way out."""


@dataclass(frozen=True)
class Loaded:
    """How many rows there were."""

    leads: int
    events: int
    events_of_nobody: int  # whose lead is not in the file of leads
    rejected: int


def engine() -> Connection:
    """An engine of its own, in memory; what does not fit goes to a temporary folder."""
    connection = duckdb.connect()
    connection.execute("SET timezone = 'UTC'")
    connection.execute(f"SET temp_directory = {_quoted(tempfile.gettempdir())}")
    connection.execute("CREATE TABLE reject (file TEXT, line BIGINT, field TEXT, value TEXT, reason TEXT)")
    return connection


def check_keys(path: str, columns: Sequence[str], keys: Collection[str]) -> None:
    """Raises UnreadableFile where a column of `keys` is missing, or one stands twice."""
    for key in keys:
        if key not in columns:
            problem = gettext("%(path)s has no column `%(key)s`") % {"path": path, "key": key}
            raise UnreadableFile(problem, nearest(key, columns))
    for column in columns:
        if columns.count(column) > 1:
            problem = gettext("%(path)s has two columns `%(column)s`") % {"path": path, "column": column}
            raise UnreadableFile(problem, gettext("give each a name of its own"))


@dataclass(frozen=True)
class RowFile:
    """Rows whose columns are known by their names: a CSV file, or what the engine reads as a table."""

    path: Path
    what: str  # leads | events
    columns: tuple[str, ...]
    types: tuple[str, ...]  # of the engine; TEXT in CSV
    delimiter: str = ""  # of CSV
    table: str = ""  # SQL: what the engine reads, where it is no CSV

    @classmethod
    def open(cls, connection: Connection, path: Path, what: str, keys: Collection[str]) -> "RowFile":
        """Raises UnreadableFile where there is no such file, or a column of `keys` is missing."""
        try:
            parquet = _parquet(path)
            file = _open_table(connection, path, what, parquet) if parquet else _open_csv(path, what)
        except (OSError, duckdb.Error, UnicodeError, csv.Error) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
            raise UnreadableFile(
                gettext("%(path)s cannot be read: %(reason)s") % {"path": path, "reason": reason},
                gettext("CSV in UTF-8, or Parquet"),
            ) from error
        check_keys(str(path), file.columns, keys)
        return file

    @classmethod
    def of_rows(cls, connection: Connection, rows: Any, what: str, keys: Collection[str]) -> "RowFile":
        """Of a DataFrame (pandas, Polars) or an Arrow table. Raises UnreadableFile as `open` does."""
        try:
            connection.register(f"rows_of_{what}", rows)
        except (duckdb.Error, TypeError) as error:
            problem = gettext("%(what)s cannot be read: %(reason)s") % {"what": what, "reason": str(error)}
            raise UnreadableFile(problem, gettext("give a DataFrame or an Arrow table")) from error
        file = _open_table(connection, Path(what), what, f"rows_of_{what}")
        check_keys(what, file.columns, keys)
        return file

    @property
    def relation(self) -> str:
        """SQL: the rows, with columns c0, c1, .. in the order of the file; what the engine cannot read is left out."""
        return self._rows("ignore_errors = true")

    @property
    def relation_read_first(self) -> str:
        """The same; what is left out is kept in tables, for `_unread`."""
        kept = f"rejects_table = 'bad_{self.what}', rejects_scan = 'scan_{self.what}'"
        return self._rows(f"store_rejects = true, {kept}")

    def _rows(self, unread: str) -> str:
        names = [f"c{n}" for n in range(len(self.columns))]
        if self.table:
            listed = ", ".join(f"{quoted(column)} AS {name}" for column, name in zip(self.columns, names, strict=True))
            return f"(SELECT {listed} FROM {self.table})"
        return (
            f"read_csv({_quoted(str(self.path))}, delim = {_quoted(self.delimiter)}, header = true, names = {names},"
            f" all_varchar = true, quote = '\"', escape = '\"', max_line_size = {LONGEST_LINE},"
            f" {unread})"
        )

    def text(self, column: str) -> str:
        """SQL: a column as text, NULL where empty."""
        return f"nullif({self._sql(column)}::VARCHAR, '')"

    def _sql(self, column: str) -> str:
        return f"c{self.columns.index(column)}"

    def type(self, column: str) -> str:
        return self.types[self.columns.index(column)]

    def raw(  # one line a type
        self, column: str, *, is_list: bool = False
    ) -> tuple[str, str]:
        """(SQL, form) of a column's raw text."""
        sql, type_ = self._sql(column), self.type(column)
        if type_.endswith("[]") or type_ == "JSON":
            return f"nullif(to_json({sql})::VARCHAR, 'null')", "json"
        if type_.startswith("TIMESTAMP"):
            return f"strftime({sql}::TIMESTAMPTZ, '%Y-%m-%dT%H:%M:%S.%fZ')", "text"
        if type_ in ("FLOAT", "DOUBLE"):
            return f"CASE WHEN isfinite({sql}) THEN {sql}::DOUBLE::VARCHAR END", "number"
        if type_ == "BOOLEAN" or type_.startswith("DECIMAL") or type_.endswith(("INT", "INTEGER")):
            return f"{sql}::VARCHAR", "boolean" if type_ == "BOOLEAN" else "number"
        if type_.startswith(("STRUCT", "MAP")):  # objects are missing
            return "NULL::VARCHAR", "text"
        return self.text(column), "list" if is_list else "text"

    def as_json(self, column: str, *, is_list: bool = False) -> str:
        """SQL: a column's raw text in the form `json`."""
        raw, form = self.raw(column, is_list=is_list)
        return raw if form in ("json", "number", "boolean") else f"to_json({raw})::VARCHAR"

    def lines(self, records: Sequence[int]) -> dict[int, int]:
        """{record: line in the file}; records count from 1, what stands on line 2 is most often record 1."""
        if not self.delimiter:
            return {record: record for record in records}
        wanted, lines = set(records), {}
        with self.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            rows = csv.reader(file, delimiter=self.delimiter)
            next(rows, None)
            record, line = 0, rows.line_num + 1
            for row in rows:
                record += bool(row)  # an empty line is none
                if row and record in wanted:
                    lines[record] = line
                line = rows.line_num + 1
        return lines


def _parquet(path: Path) -> str:
    """SQL that reads a Parquet file, or those of a folder; empty where the path is neither."""
    if path.is_dir():
        return f"read_parquet({_quoted(f'{path}/**/*.parquet')}, union_by_name = true, hive_partitioning = false)"
    with path.open("rb") as file:
        return f"read_parquet({_quoted(str(path))})" if file.read(4) == b"PAR1" else ""


def _open_table(connection: Connection, path: Path, what: str, table: str) -> RowFile:
    rows = connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
    return RowFile(path, what, tuple(row[0] for row in rows), tuple(row[1] for row in rows), table=table)


def _open_csv(path: Path, what: str) -> RowFile:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        delimiter = max(DELIMITERS, key=first.count)
        file.seek(0)
        columns = next(csv.reader(file, delimiter=delimiter), [])
    if not columns:
        raise UnreadableFile(gettext("%(path)s is empty") % {"path": path}, gettext("its first line names the columns"))
    return RowFile(path, what, tuple(columns), ("VARCHAR",) * len(columns), delimiter)


def load_leads(connection: Connection, file: RowFile, wanted: Mapping[str, str], multi: Collection[str]) -> None:
    """Table `lead`. `wanted`: {attribute: column}; a lead_id counts once, by its first row."""
    raws = {column: file.raw(name, is_list=name in multi) for name, column in wanted.items()}
    listed = ", ".join(["row_number() OVER () AS n", f"{file.text('lead_id')} AS lead_id", *_columns(raws)])
    connection.execute(f"CREATE TEMP TABLE read_lead AS SELECT {listed} FROM {file.relation_read_first}")
    first = "n = min(n) OVER (PARTITION BY lead_id)"
    connection.execute(
        f"CREATE TABLE lead AS SELECT * EXCLUDE (n) FROM read_lead WHERE lead_id IS NOT NULL QUALIFY {first}"
    )
    bad = connection.execute(
        "SELECT n, 'lead_id', lead_id, CASE WHEN lead_id IS NULL THEN 'is missing' ELSE 'stands in an earlier row' END"
        f" FROM (SELECT *, {first} AS is_first FROM read_lead) WHERE lead_id IS NULL OR NOT is_first ORDER BY n"
    ).fetchall()
    _reject(connection, file, bad)
    connection.execute("DROP TABLE read_lead")
    for column, (_raw, form) in raws.items():
        take_apart(connection, "lead", column, form)


def load_events(
    connection: Connection,
    file: RowFile,
    wanted: Mapping[tuple[str, ...], str],
    names: Collection[str],
    at: datetime,
) -> None:
    """Table `event`: those up to `at`, by these names (`any`: all), never those of machines.

    `wanted`: {property path: column}. A row that cannot be taken is read a second time, for its line.
    """
    raws = {column: _property(file, path) for path, column in wanted.items()}
    problem = _problem_of_event(file)
    machine = f"{file.text('actor')} IS DISTINCT FROM 'machine'" if "actor" in file.columns else "true"
    name = "true" if ANY in names else f"{file.text('name')} IN (SELECT unnest($names::TEXT[]))"
    bound = {"at": at} | ({} if ANY in names else {"names": list(names)})
    listed = ", ".join(
        [f"{file.text('lead_id')} AS lead_id", f"{file.text('name')} AS name", f"{_instant(file)} AS occurred_at",
         f"{problem} AS problem", *_columns(raws), *([_is_act(file)] if ANY in names else [])]
    )  # fmt: skip
    connection.execute(
        f"CREATE TABLE event AS SELECT {listed} FROM {file.relation_read_first}"
        f" WHERE problem IS NOT NULL OR (occurred_at <= $at AND {machine} AND {name})",
        bound,
    )
    bad: list[Any] = []
    if connection.execute("DELETE FROM event WHERE problem IS NOT NULL").fetchall() != [(0,)]:
        bad = _bad_events(connection, file, problem)
    _reject(connection, file, bad)
    for column, (_raw, form) in raws.items():
        take_apart(connection, "event", column, form)


def _is_act(file: RowFile) -> str:
    """In files every event is the person's own but those that go by the names of our records."""
    listed = ", ".join(_quoted(name) for name in sorted(RECORDS))
    return f"{file.text('name')} NOT IN ({listed}) AS is_act"


def count_events_of_nobody(connection: Connection, file: RowFile) -> int:
    lead = f"SELECT {file.text('lead_id')} AS lead_id FROM {file.relation}"
    rows = connection.execute(f"SELECT count(*) FROM ({lead}) e ANTI JOIN lead USING (lead_id)").fetchall()
    return int(rows[0][0])


def _property(file: RowFile, path: tuple[str, ...]) -> tuple[str, str]:
    """(SQL, form): a column of that name where it is not empty, else what `properties` holds."""
    columns = [name for name in file.columns if name not in NOT_PROPERTIES]
    own = next((name for name in columns if tuple(name.split(".")) == path), "")
    # A column that names an object above the path hides it: its value is no object.
    above = [name for name in columns if tuple(name.split(".")) == path[: name.count(".") + 1] and name != own]
    hidden = "".join(f"WHEN {file.text(name)} IS NOT NULL THEN NULL " for name in above)
    if "properties" not in file.columns:
        raw, form = file.raw(own) if own else ("NULL::VARCHAR", "text")
    else:
        inside = f"nullif(json_extract({_json(file)}, {json_path(path)})::VARCHAR, 'null')"
        raw, form = (f"coalesce({file.as_json(own)}, {inside})" if own else inside), "json"
    return (f"CASE {hidden}ELSE {raw} END" if hidden else raw), form


def _json(file: RowFile) -> str:
    """SQL: the properties of a row, NULL where they are no object."""
    text = file.text("properties")
    return f"CASE WHEN json_valid({text}) AND json_type({text}) = 'OBJECT' THEN {text} END"


def json_path(path: Sequence[str]) -> str:
    """Keys of objects alone. A pointer takes every key as it is, but digits as a place in a list."""
    if any(key.isdigit() for key in path) and not any(set('"\\') & set(key) for key in path):
        return _quoted("$" + "".join(f'."{key}"' for key in path))
    return _quoted("".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in path))


def _instant(file: RowFile) -> str:
    """SQL: when an event occurred, to the microsecond; further digits are cut, no offset is UTC."""
    sql = file.text("occurred_at")
    if file.type("occurred_at").startswith("TIMESTAMP"):
        return f"{file._sql('occurred_at')}::TIMESTAMPTZ"
    return f"CASE WHEN regexp_full_match({sql}, '{INSTANT}') THEN TRY_CAST({sql} AS TIMESTAMPTZ) END"


def _problem_of_event(file: RowFile) -> str:
    """SQL: the column for which a row cannot be taken; NULL where it can."""
    tests = [f"WHEN {file.text(key)} IS NULL THEN '{key}'" for key in EVENT_KEYS]
    tests.append(f"WHEN {_instant(file)} IS NULL THEN 'occurred_at'")
    if "properties" in file.columns:
        tests.append(f"WHEN {file.text('properties')} IS NOT NULL AND {_json(file)} IS NULL THEN 'properties'")
    return f"CASE {' '.join(tests)} END"


def _bad_events(connection: Connection, file: RowFile, problem: str) -> list[Any]:
    reasons = {"occurred_at": "is no time; ISO 8601 is: 2026-03-10T12:00:00Z", "properties": "is no JSON object"}
    values = [f"WHEN '{key}' THEN {file.text(key)}" for key in (*EVENT_KEYS, "properties") if key in file.columns]
    rows = connection.execute(
        f"SELECT n, problem, CASE problem {' '.join(values)} END AS value"
        f" FROM (SELECT row_number() OVER () AS n, {problem} AS problem, * FROM {file.relation})"
        " WHERE problem IS NOT NULL ORDER BY n"
    ).fetchall()
    return [(n, key, value, "is missing" if value is None else reasons[key]) for n, key, value in rows]


def _reject(connection: Connection, file: RowFile, bad: Sequence[tuple[int, str, str | None, str]]) -> None:
    """Keep rows that could not be taken, and those that the engine could not read at all, by their lines."""
    unread = _unread(connection, file)
    records = sorted(unread)
    # The engine numbers the rows it could read: each unread one before a row moves it on by one.
    kept: list[tuple[int, str | None, str | None, str]] = []
    skipped = 0
    for n, column, value, reason in bad:
        while skipped < len(records) and records[skipped] <= n + skipped:
            skipped += 1
        kept.append((n + skipped, column, value, reason))
    kept += [(record, None, value, reason) for record, (value, reason) in unread.items()]
    lines = file.lines([record for record, *_ in kept])
    rows = [
        (file.what, lines.get(record), column, value, reason)
        for record, column, value, reason in sorted(kept, key=lambda each: each[0])
    ]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        insert_rows(connection, "reject", rows[start : start + ROWS_AT_ONCE])


def _unread(connection: Connection, file: RowFile) -> dict[int, tuple[str, str]]:
    """{record: (its text, why)}"""
    if not file.delimiter:
        return {}
    count = len(file.columns)
    reasons = {"TOO MANY COLUMNS": f"has more than {count} cells", "MISSING COLUMNS": f"has fewer than {count} cells"}
    rows = connection.execute(
        f"SELECT DISTINCT ON (line) line, csv_line, error_type::VARCHAR, error_message FROM bad_{file.what}"
        " ORDER BY line, error_type::VARCHAR"
    ).fetchall()
    for table in (f"bad_{file.what}", f"scan_{file.what}"):
        connection.execute(f"DROP TABLE {table}")
    return {line - 1: ((text or "").strip("\r\n"), reasons.get(kind, message)) for line, text, kind, message in rows}


def take_apart(connection: Connection, table: str, column: str, form: str) -> None:
    """Table `elements_<column>`: raw, stored, compared, plain, kind, is_single."""
    elements = f"elements_{column}"
    connection.execute(
        f"CREATE TABLE {elements} (raw TEXT, stored TEXT, compared TEXT, plain TEXT, kind TEXT, is_single BOOLEAN)"
    )
    distinct = f"SELECT DISTINCT {column} AS raw FROM {table} WHERE {column} IS NOT NULL"
    if form == "text":
        connection.execute(
            f"INSERT INTO {elements} SELECT raw, raw, raw, raw, 'string', true FROM ({distinct})"
            f" WHERE NOT regexp_matches(raw, '{MAY_FOLD}')"
        )
        distinct += f" AND regexp_matches({column}, '{MAY_FOLD}')"
    values = connection.cursor().execute(distinct)
    while rows := values.fetchmany(ROWS_AT_ONCE):
        insert_rows(connection, elements, [element for (raw,) in rows for element in _elements(raw, form)])


def _elements(raw: str, form: str) -> Iterator[tuple[str, str, str, str, str, bool]]:
    value: Any = raw
    if form == "list":
        value = [part for part in raw.split("|") if part]
    elif form != "text":
        value = json.loads(raw)
    is_single = not isinstance(value, list)
    for each in [value] if is_single else value:
        compared = compared_text(each)
        if compared is None or (isinstance(each, float) and not math.isfinite(each)):
            continue
        if isinstance(each, str):
            yield raw, each, fold(each), each, "string", is_single
        else:
            yield raw, compared, compared, compared, "boolean" if isinstance(each, bool) else "number", is_single


def insert_rows(connection: Connection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        columns = list(zip(*rows, strict=True))
        listed = ", ".join(f"unnest(${n})" for n in range(1, len(columns) + 1))
        connection.execute(f"INSERT INTO {table} SELECT {listed}", [list(column) for column in columns])


def _columns(raws: Mapping[str, tuple[str, str]]) -> list[str]:
    return [f"{raw} AS {column}" for column, (raw, _form) in raws.items()]


def write_rows(connection: Connection, sql: str, path: Path) -> int:
    """The rows of a statement as CSV or, by its ending, Parquet; returns how many. Whole, or not at all."""
    form = "PARQUET" if path.suffix.lower() == ".parquet" else "CSV, HEADER"
    part = path.with_name(f".{path.name}.part")
    try:
        rows = connection.execute(f"COPY ({sql}) TO {_quoted(str(part))} (FORMAT {form})").fetchall()
        part.replace(path)
    except (OSError, duckdb.IOException) as error:
        raise UnreadableFile(
            gettext("%(path)s cannot be written: %(reason)s") % {"path": path, "reason": str(error).splitlines()[0]}
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return int(rows[0][0])


def check_columns(file: RowFile, attributes: Mapping[str, str], places: Mapping[str, str]) -> None:
    """Raises DocumentError for an attribute that is no column. `places`: {attribute: place in the document}"""
    known = [column for column in file.columns if column != "lead_id"]
    for name in attributes:
        if name not in known:
            raise DocumentError(
                places.get(name, name),
                gettext("no column `%(name)s` in %(path)s") % {"name": name, "path": file.path},
                nearest(name, known),
            )


def quoted(column: str) -> str:
    """SQL: a name that others chose, as that of a column."""
    escaped = column.replace('"', '""')
    return f'"{escaped}"'


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
