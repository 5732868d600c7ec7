"""Closed months of the ledger as Parquet files, for work that reads a whole history, and for safe keeping.

    <data folder>/archive/<workspace>/<YYYY-MM>/
        manifest.json        how many rows, which ids, and checksums; it names the files that count
        events-<sum>.parquet sorted by lead, visitor and time; timestamps in UTC, JSON as text
        keys-<sum>.parquet   the message keys that were not forgotten yet when the month was archived

One folder a workspace and month, so that one workspace can be rewritten or erased. A file counts once the manifest
names it, and a manifest is put in place by one rename: whatever crashes, a month is archived whole or not at all.
Rows stay in PostgreSQL.
"""

# ruff: noqa: S608 (statements are made of our own constants; what is not is bound or quoted)

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from django.conf import settings
from django.db import connection

from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope

FORMAT = 1
SETTLE = timedelta(hours=1)  # after a month's end: transactions that began before it have ended
KEYS_LIVE = timedelta(days=9)  # as schedule.KEEP_MESSAGE_KEYS
MEMORY = "800MB"  # of the engine; beyond it what it holds goes through files
CHUNK_BYTES = 1 << 20

# {column: (its type in the files, how it leaves PostgreSQL, how it is read from that text)}
COLUMNS = {
    "id": ("BIGINT", "id", "id"),
    "source_id": ("BIGINT", "source_id", "source_id"),
    "kind": ("VARCHAR", "to_json(kind) AS kind", "kind ->> '$'"),  # as JSON a line break stays within its line
    "name": ("VARCHAR", "to_json(name) AS name", "name ->> '$'"),
    "visitor": ("UUID", "visitor", "visitor"),
    "lead_id": ("BIGINT", "lead_id", "lead_id"),
    "occurred_at": (
        "TIMESTAMPTZ", "(extract(epoch FROM occurred_at) * 1000000)::bigint", "make_timestamptz(occurred_at)",
    ),
    "received_at": (
        "TIMESTAMPTZ", "(extract(epoch FROM received_at) * 1000000)::bigint", "make_timestamptz(received_at)",
    ),
    "by": ("VARCHAR", "by", '"by"'),
    "actor": ("VARCHAR", "actor", "actor"),
    "properties": ("VARCHAR", "properties", "properties"),
    "folded": ("VARCHAR", "folded", "folded"),
    "context": ("VARCHAR", "context", "context"),
}  # fmt: skip
RAW_TYPES = {"occurred_at": "BIGINT", "received_at": "BIGINT"}
KEY_TYPES = {"source_id": "BIGINT", "message_hash": "VARCHAR", "received_at": "BIGINT"}
CSV = (
    "header = false, auto_detect = false, delim = ',', quote = '\"', escape = '\"', nullstr = '\\N',"
    " allow_quoted_nulls = false, max_line_size = 16777216"
)
# A row as one text, the same in both engines; its first 48 bits of MD5, summed, know no order.
FINGERPRINT = (
    "id",
    "source_id",
    "kind",
    "name",
    "visitor",
    "lead_id",
    "by",
    "actor",
    "properties",
    "folded",
    "context",
)


class ArchiveError(ValueError):
    """A month cannot be archived, read or restored; the message says why and the way out."""


@dataclass(frozen=True)
class Month:
    """A month of a workspace as its manifest tells it."""

    workspace_id: int
    month: str  # YYYY-MM, by received_at, UTC
    rows: int
    min_id: int
    max_id: int
    fingerprint: str  # of what the rows hold
    events: str  # file name
    sha256: str  # of that file
    keys: str  # file name
    size_bytes: int
    format: int = FORMAT

    @property
    def path(self) -> Path:
        return folder_of(self.workspace_id, self.month) / self.events


def archive_closed(
    *,
    workspace_id: int,
    at: datetime,
    again: Collection[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> list[Month]:
    """Archive every closed month that has events the archive does not; `again`: months to write anew in any case.

    Returns what was written. A month of which the database holds less than the archive is refused with ArchiveError
    unless it is named in `again`, and even then if nothing of it is left.
    """
    for month in again:
        month_start(month)
    written = []
    with _locked(workspace_id, fcntl.LOCK_EX):
        known = {each.month: each for each in archived_months(workspace_id)}
        for month, rows, newest in _months_in_database(workspace_id):
            old = known.get(month)
            if month_end(month) + SETTLE > at:
                continue
            if old and month not in again and newest <= old.max_id:
                continue
            if old and month not in again and rows < old.rows:
                raise ArchiveError(
                    f"{month} has {rows} events in the database and {old.rows} in the archive.\n"
                    f"hint: cultiva archive --restore {month} brings them back; "
                    f"cultiva archive --again {month} writes it anew with what is left"
                )
            written.append(_write(workspace_id, month))
            progress(f"  {month}: {written[-1].rows} events, {written[-1].size_bytes / 1e6:.1f} MB")
        if lost := sorted(set(again) - {each.month for each in written}):
            raise ArchiveError(f"Nothing of {lost[0]} can be archived: it is not over, or the database has none of it.")
    return written


def archived_months(workspace_id: int) -> list[Month]:
    """What the archive holds of a workspace, oldest first. Raises ArchiveError for a manifest that cannot be read."""
    found = []
    for path in sorted(folder_of(workspace_id).glob("????-??/manifest.json")):
        try:
            manifest = Month(**json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            raise ArchiveError(
                f"{path} cannot be read: {error}.\nhint: archive the month again, or put the file back from a backup"
            ) from error
        if manifest.workspace_id != workspace_id or manifest.month != path.parent.name:
            raise ArchiveError(f"{path} belongs to workspace {manifest.workspace_id}, month {manifest.month}.")
        found.append(manifest)
    return found


def archived_workspaces() -> list[int]:
    """Ids of the workspaces that have an archive."""
    return sorted(int(path.name) for path in root().glob("*") if path.name.isdigit() and path.is_dir())


@contextmanager
def ledger(
    *, workspace_id: int, since: datetime, until: datetime, into: duckdb.DuckDBPyConnection | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine with one view, `ledger`: every event received from `since` to before `until`, once.

    Columns as in the table but for workspace_id; jsonb is text. Closed months come from the archive, all else from the
    database, as do events that were given an old month after it was archived. To be used within the scope: the view,
    its files and, unless one is given, the engine end with it.

        with ledger(workspace_id=7, since=start, until=end) as engine:
            engine.sql("SELECT lead_id, count(*) FROM ledger GROUP BY lead_id").fetchall()
    """
    with _locked(workspace_id, fcntl.LOCK_SH), _engine() as (engine, scratch):
        months = [
            m for m in archived_months(workspace_id) if month_start(m.month) < until and month_end(m.month) > since
        ]
        parts = [f"SELECT * FROM read_parquet('{_quoted(m.path)}')" for m in months]
        live = scratch / "live.parquet"
        with workspace_scope(workspace_id):
            _copy_out(_events_sql("AND " + _not_in(months)), _bounds(workspace_id, since, until), scratch / "live.csv")
        _to_parquet(engine, scratch / "live.csv", live)
        parts.append(f"SELECT * FROM read_parquet('{_quoted(live)}')")
        instants = [f"make_timestamptz({_microseconds(each)})" for each in (since, until)]
        reader = into or engine
        reader.execute(
            f"CREATE VIEW ledger AS SELECT * FROM ({' UNION ALL '.join(parts)})"
            f" WHERE received_at >= {instants[0]} AND received_at < {instants[1]}"
        )
        yield reader
        reader.execute("DROP VIEW ledger")


def restore(
    *,
    workspace_id: int,
    at: datetime,
    months: Collection[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> list[Month]:
    """Bring archived months (all, where none is named) back into the database, ids kept; events there stay.

    Each month is one transaction, and is compared with the archive before it commits. Raises ArchiveError.
    """
    known = {each.month: each for each in archived_months(workspace_id)}
    if unknown := sorted(set(months) - set(known)):
        raise ArchiveError(f"{unknown[0]} is not in the archive. It holds: {', '.join(known) or 'nothing'}.")
    chosen = [each for month, each in known.items() if not months or month in months]
    with _locked(workspace_id, fcntl.LOCK_SH):
        for month in chosen:
            _restore_month(month, at)
            progress(f"  {month.month}: {month.rows} events")
    return chosen


def _restore_month(month: Month, at: datetime) -> None:
    if _sha256(month.path) != month.sha256:
        raise ArchiveError(f"{month.path} was changed since it was written.\nhint: put it back from a backup")
    with _engine() as (engine, scratch), workspace_scope(month.workspace_id):
        fetch_all("SELECT event_make_partition(%s)", [month_start(month.month).date()])
        columns = ", ".join(COLUMNS)
        picked = [_name(name) if name not in RAW_TYPES else f"epoch_us({name}) AS {name}" for name in COLUMNS]
        _load(engine, f"SELECT {', '.join(picked)} FROM read_parquet('{_quoted(month.path)}')", scratch, _STAGING)
        values = ", ".join(_from_microseconds(name) if name in RAW_TYPES else name for name in COLUMNS)
        execute(
            f"INSERT INTO event (workspace_id, {columns}) SELECT %s, {values} FROM restored_event"
            " ORDER BY id ON CONFLICT (id, received_at) DO NOTHING",
            [month.workspace_id],
        )
        keys = folder_of(month.workspace_id, month.month) / month.keys
        fresh = f"SELECT source_id, message_hash, epoch_us(received_at) FROM read_parquet('{_quoted(keys)}')"
        fresh += f" WHERE epoch_us(received_at) > {_microseconds(at - KEYS_LIVE)}"
        _load(engine, fresh, scratch, _KEY_STAGING)
        execute(
            "INSERT INTO event_key (workspace_id, source_id, message_hash, received_at)"
            f" SELECT %s, source_id, decode(message_hash, 'hex'), {_from_microseconds('received_at')}"
            " FROM restored_key ON CONFLICT DO NOTHING",
            [month.workspace_id],
        )
        execute("DROP TABLE restored_event, restored_key")
        rows, _, _, fingerprint = _measure_database(month.workspace_id, month.month, "AND id <= %(most)s", month.max_id)
        if (rows, fingerprint) != (month.rows, month.fingerprint):
            raise ArchiveError(
                f"{month.month} would not come back whole: {rows} of {month.rows} events fit.\n"
                "hint: the others' ids are taken, or events differ; restore into a new database"
            )
        fetch_all("SELECT event_begin_beyond(%s)", [month.max_id])


_STAGING = """CREATE TEMP TABLE restored_event (id bigint, source_id bigint, kind text, name text, visitor uuid,
  lead_id bigint, occurred_at bigint, received_at bigint, by text, actor text, properties jsonb, folded jsonb,
  context jsonb)"""
_KEY_STAGING = "CREATE TEMP TABLE restored_key (source_id bigint, message_hash text, received_at bigint)"


def _load(engine: duckdb.DuckDBPyConnection, query: str, scratch: Path, staging: str) -> None:
    """Rows of the engine into a new temporary table (row-level security refuses COPY into the ledger itself)."""
    path, table = scratch / "rows.csv", staging.split()[3]
    engine.execute(f"COPY ({query}) TO '{_quoted(path)}' (FORMAT csv, HEADER false, NULLSTR '\\N', FORCE_QUOTE *)")
    # FORCE_QUOTE leaves NULL bare, so that a text \N stays a text.
    execute(staging)
    into = f"COPY {table} FROM STDIN (FORMAT csv, NULL '\\N')"
    with path.open("rb") as file, connection.cursor() as cursor, cursor.cursor.copy(into) as copy:
        while chunk := file.read(CHUNK_BYTES):
            copy.write(chunk)
    path.unlink()


def _write(workspace_id: int, month: str) -> Month:
    """One month, verified against the database before it counts."""
    folder = folder_of(workspace_id, month)
    folder.mkdir(parents=True, exist_ok=True)
    bounds = _bounds(workspace_id, month_start(month), month_end(month))
    with _engine() as (engine, scratch):
        raw, events, keys = scratch / "raw.csv", scratch / "events.parquet", scratch / "keys.parquet"
        with workspace_scope(workspace_id):
            _copy_out(_events_sql(), bounds, raw)
            measured = _measure_database(workspace_id, month)
            _copy_out(_KEYS_SQL, bounds, scratch / "keys.csv")
        _to_parquet(engine, raw, events)
        _keys_to_parquet(engine, scratch / "keys.csv", keys)
        if _measure_file(engine, events) != measured:
            raise ArchiveError(
                f"{month} changed while it was written, or the disk fails; nothing was replaced.\nhint: try again"
            )
        rows, min_id, max_id, fingerprint = measured
        digest = _sha256(events)
        manifest = Month(
            workspace_id=workspace_id, month=month, rows=rows, min_id=min_id, max_id=max_id, fingerprint=fingerprint,
            events=f"events-{digest[:16]}.parquet", sha256=digest, keys=f"keys-{_sha256(keys)[:16]}.parquet",
            size_bytes=events.stat().st_size,
        )  # fmt: skip
        _put(events, folder / manifest.events)
        _put(keys, folder / manifest.keys)
        (scratch / "manifest.json").write_text(json.dumps(asdict(manifest), indent=2) + "\n")
        _put(scratch / "manifest.json", folder / "manifest.json")
    for path in folder.iterdir():  # what an earlier manifest named
        if path.name not in ("manifest.json", manifest.events, manifest.keys):
            path.unlink()
    return manifest


def _put(path: Path, place: Path) -> None:
    """Make it durable, then give it its name."""
    for each in (path, place.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    path.replace(place)
    descriptor = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _events_sql(more: str = "") -> str:
    """In an order that PostgreSQL makes: its sorting goes through files however large a month is."""
    picked = ", ".join(sql for _, sql, _ in COLUMNS.values())
    return (
        f"COPY (SELECT {picked} FROM event WHERE workspace_id = %(workspace)s AND received_at >= %(since)s"
        f" AND received_at < %(until)s {more} ORDER BY event.lead_id, event.visitor, event.occurred_at, event.id)"
        " TO STDOUT (FORMAT csv, NULL '\\N', FORCE_QUOTE (kind, name, by, actor, properties, folded, context))"
    )


_KEYS_SQL = (
    "COPY (SELECT source_id, encode(message_hash, 'hex'), (extract(epoch FROM received_at) * 1000000)::bigint"
    " FROM event_key WHERE workspace_id = %(workspace)s AND received_at >= %(since)s AND received_at < %(until)s"
    " ORDER BY event_key.received_at, event_key.source_id, event_key.message_hash)"
    " TO STDOUT (FORMAT csv, NULL '\\N')"
)


def _copy_out(sql: str, parameters: Mapping[str, Any], path: Path) -> None:
    with connection.cursor() as cursor, path.open("wb") as file, cursor.cursor.copy(sql, parameters) as copy:
        for data in copy:
            file.write(data)


def _to_parquet(engine: duckdb.DuckDBPyConnection, raw: Path, path: Path) -> None:
    types = {name: RAW_TYPES.get(name, type_) for name, (type_, _, _) in COLUMNS.items()}
    picked = ", ".join(f"{read} AS {_name(name)}" for name, (_, _, read) in COLUMNS.items())
    _copy_rows(engine, raw, types, picked, path)


def _keys_to_parquet(engine: duckdb.DuckDBPyConnection, raw: Path, path: Path) -> None:
    picked = "source_id, message_hash, make_timestamptz(received_at) AS received_at"
    _copy_rows(engine, raw, KEY_TYPES, picked, path)


def _copy_rows(engine: duckdb.DuckDBPyConnection, raw: Path, types: Mapping[str, str], picked: str, path: Path) -> None:
    columns = ", ".join(f"'{name}': '{type_}'" for name, type_ in types.items())
    rows = f"SELECT {picked} FROM read_csv('{_quoted(raw)}', {CSV}, columns = {{{columns}}})"
    engine.execute(f"COPY ({rows}) TO '{_quoted(path)}' (FORMAT parquet, COMPRESSION zstd)")
    raw.unlink()


Measured = tuple[int, int, int, str]  # rows, least id, greatest id, fingerprint


def _measure_database(workspace_id: int, month: str, more: str = "", most: int = 0) -> Measured:
    row = ", ".join(f"coalesce({_name(name)}::text, '\\N')" for name in FINGERPRINT)
    instants = ", ".join(f"(extract(epoch FROM {name}) * 1000000)::bigint::text" for name in RAW_TYPES)
    found = fetch_all(
        f"SELECT count(*) AS rows, coalesce(min(id), 0) AS min_id, coalesce(max(id), 0) AS max_id,"
        f" coalesce(sum(('x' || left(md5(concat_ws('|', {row}, {instants})), 12))::bit(48)::bigint), 0)::text AS sum"
        f" FROM event WHERE workspace_id = %(workspace)s AND received_at >= %(since)s AND received_at < %(until)s"
        f" {more}",
        {**_bounds(workspace_id, month_start(month), month_end(month)), "most": most},
    )[0]
    return found["rows"], found["min_id"], found["max_id"], found["sum"]


def _measure_file(engine: duckdb.DuckDBPyConnection, path: Path) -> Measured:
    row = ", ".join(f"coalesce({_name(name)}::VARCHAR, '\\N')" for name in FINGERPRINT)
    instants = ", ".join(f"epoch_us({name})::VARCHAR" for name in RAW_TYPES)
    found = engine.execute(
        f"SELECT count(*), coalesce(min(id), 0), coalesce(max(id), 0),"
        f" coalesce(sum(('0x' || left(md5(concat_ws('|', {row}, {instants})), 12))::BIGINT), 0)::VARCHAR"
        f" FROM read_parquet('{_quoted(path)}')"
    ).fetchone()
    assert found is not None
    return found[0], found[1], found[2], found[3]


def _months_in_database(workspace_id: int) -> list[tuple[str, int, int]]:
    """(month, rows, greatest id), oldest first."""
    with workspace_scope(workspace_id):
        rows = fetch_all(load_sql("events", "months_of_ledger"), {"workspace": workspace_id})
    return [(row["month"], row["rows"], row["newest"]) for row in rows]


def _not_in(months: Sequence[Month]) -> str:
    """SQL: true of events that no archived month holds. Those given an old month later have greater ids."""
    held = [
        f"(received_at >= '{month_start(m.month).isoformat()}' AND received_at < '{month_end(m.month).isoformat()}'"
        f" AND id <= {m.max_id})"
        for m in months
    ]
    return f"NOT ({' OR '.join(held)})" if held else "true"


def root() -> Path:
    return Path(settings.CONFIG.data_folder) / "archive"


def folder_of(workspace_id: int, month: str = "") -> Path:
    return root() / str(workspace_id) / month


def month_start(month: str) -> datetime:
    """The first instant of `YYYY-MM`, UTC. Raises ArchiveError."""
    try:
        return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    except ValueError as error:
        raise ArchiveError(f"{month!r} is no month.\nhint: write it as 2026-03") from error


def month_end(month: str) -> datetime:
    """The first instant after it."""
    return (month_start(month) + timedelta(days=31)).replace(day=1)


@contextmanager
def _locked(workspace_id: int, kind: int) -> Iterator[None]:
    """Readers share a workspace's archive, a writer has it alone; the kernel lets go of it when a process ends."""
    folder = folder_of(workspace_id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("a") as file:
        fcntl.flock(file, kind)
        yield


@contextmanager
def _engine() -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """An engine with bounded memory, and a folder for what lies between; both go with the scope."""
    root().mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = Path(tempfile.mkdtemp(prefix="tmp-", dir=root()))
    try:
        with duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(scratch / "spill")}) as engine:
            engine.execute("SET TimeZone = 'UTC'")
            engine.execute("SET threads = 1")  # each more holds blocks of its own, and memory is bounded
            yield engine, scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _bounds(workspace_id: int, since: datetime, until: datetime) -> dict[str, Any]:
    return {"workspace": workspace_id, "since": since, "until": until}


def _microseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _from_microseconds(column: str) -> str:
    """SQL of PostgreSQL, exact: a float of seconds would lose microseconds."""
    return f"'epoch'::timestamptz + {column} * interval '1 microsecond'"


def _name(column: str) -> str:
    return f'"{column}"'  # `by` is a word of the engine's own


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}.\nhint: put it back from a backup") from error
