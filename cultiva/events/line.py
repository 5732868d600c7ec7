"""A line to the database for doors that do not wait in threads: asyncpg, beside Django's own connections.

The same login, role and options as Django's (settings.DATABASES), and the same statements (`events/sql`).
"""

import asyncio
import re
from collections import Counter
from datetime import date
from functools import cache
from typing import Any

import asyncpg
from django.conf import settings

from cultiva.events.messages import EventRow, FaultyMessage, Parcel, hash_payload
from cultiva.lib.database import SETTING, load_sql

CONNECT_SECONDS = 2.0
WRITE_SECONDS = 5.0  # SDKs wait 10 to 15
MOST_QUARANTINED = 10_000  # of a source
MOST_NAMES = 100  # of uncovered messages, a source and day
# Data exception, broken constraint, limit of the program: the same rows would be refused again.
REFUSALS = {"22", "23", "54"}


class DatabaseAway(Exception):
    """The database cannot be reached, or cannot work now."""


class RowsRefused(Exception):
    """The database will not take these rows, however often they come."""


class Line:
    """One connection, made when it is needed and thrown away at the first sign of trouble."""

    def __init__(self) -> None:
        self.connection: Any = None
        self.months: set[date] = set()
        self.statements: dict[str, Any] = {}

    async def ask(self, sql: str, *values: Any, seconds: float = CONNECT_SECONDS) -> list[Any]:
        """Rows of a question outside every workspace. Raises DatabaseAway."""
        try:
            async with asyncio.timeout(seconds):
                await self._open()
                return list(await self.connection.fetch(sql, *values))
        except Exception as error:
            self.drop()
            raise DatabaseAway(str(error) or type(error).__name__) from error

    async def write(self, parcel: Parcel) -> None:
        """Store a parcel durably, all of it. Raises DatabaseAway or RowsRefused."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._open()
                await self._make_partitions({row.received_at.date().replace(day=1) for row in parcel.rows})
                await self._write(parcel)
        except asyncpg.PostgresError as error:
            self.drop()
            if (error.sqlstate or "")[:2] in REFUSALS:
                raise RowsRefused(str(error)) from error
            raise DatabaseAway(str(error)) from error
        except (asyncpg.DataError, ValueError, TypeError, OverflowError) as error:  # asyncpg cannot even write it down
            self.drop()
            raise RowsRefused(str(error)) from error
        except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            self.drop()
            raise DatabaseAway(str(error) or type(error).__name__) from error
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Without a word to the server, which may not be listening."""
        if self.connection is not None:
            self.connection.terminate()
        self.connection, self.statements = None, {}

    async def _open(self) -> None:
        if self.connection is None or self.connection.is_closed():
            self.statements = {}
            self.connection = await asyncpg.connect(**address(), timeout=CONNECT_SECONDS)

    async def _make_partitions(self, months: set[date]) -> None:
        for month in sorted(months - self.months):
            await self.connection.execute("SELECT event_make_partition($1)", month)
            self.months.add(month)

    async def _write(self, parcel: Parcel) -> None:
        workspace_id = int(parcel.workspace_id)
        # One round trip for both; numbers need no quoting.
        await self.connection.execute(f"BEGIN; SELECT set_config('{SETTING}', '{workspace_id}', true)")
        if parcel.rows:
            await self._run("collect_events", workspace=workspace_id, queue=True, **event_columns(parcel.rows))
        if parcel.faulty:
            await self._run("quarantine_messages", workspace=workspace_id, **faulty_columns(parcel.faulty))
            sources = sorted({each.source_id for each in parcel.faulty})
            await self._run("trim_quarantine", workspace=workspace_id, source_ids=sources, most=MOST_QUARANTINED)
        if parcel.uncovered:
            columns = uncovered_columns(parcel.uncovered)
            await self._run("count_uncovered", workspace=workspace_id, most=MOST_NAMES, **columns)
        await self.connection.execute("COMMIT")

    async def _run(self, name: str, **values: Any) -> None:
        sql, order = numbered(name)
        if name not in self.statements:
            self.statements[name] = await self.connection.prepare(sql)
        await self.statements[name].fetch(*(values[each] for each in order))


@cache
def numbered(name: str) -> tuple[str, list[str]]:
    """A statement of `events/sql` as asyncpg wants it, with $1 for %(workspace)s, and the names in that order."""
    sql = load_sql("events", name).replace("{queue_events}", load_sql("events", "queue_events"))
    order = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", sql)))
    return re.sub(r"%\((\w+)\)s", lambda found: f"${order.index(found[1]) + 1}", sql), order


def event_columns(rows: list[EventRow]) -> dict[str, Any]:
    # A retry may lie beside its original in one group, and ON CONFLICT does not see rows of its own statement.
    unique: dict[Any, EventRow] = {}
    for row in rows:
        unique.setdefault(row[:2], row)
    names = (
        "source_ids", "message_hashes", "kinds", "names", "visitors", "occurred_at", "received_at", "actors",
        "properties", "folded", "contexts",
    )  # fmt: skip
    return dict(zip(names, zip(*unique.values(), strict=True), strict=True))


def faulty_columns(messages: list[FaultyMessage]) -> dict[str, Any]:
    times: Counter[tuple[int, bytes]] = Counter()
    unique: dict[tuple[int, bytes], FaultyMessage] = {}
    for each in messages:
        key = (each.source_id, hash_payload(each.payload))
        times[key] += 1
        unique.setdefault(key, each)
    names = ("source_ids", "received_at", "codes", "messages", "payloads", "is_cut", "arrivals")
    return {
        **dict(zip(names, zip(*unique.values(), strict=True), strict=True)),
        "payload_hashes": [payload_hash for _source, payload_hash in unique],
        "times": [times[key] for key in unique],
    }


def uncovered_columns(counts: dict[tuple[int, date, str, str], int]) -> dict[str, Any]:
    names = ("source_ids", "days", "kinds", "names")
    return {**dict(zip(names, zip(*counts, strict=True), strict=True)), "counts": list(counts.values())}


def address() -> dict[str, Any]:
    """What asyncpg.connect needs, from Django's own settings."""
    known = settings.DATABASES["default"]
    options = known["OPTIONS"]
    named = {
        "host": known["HOST"] or None, "port": int(known["PORT"] or 5432), "user": known["USER"] or None,
        "password": known["PASSWORD"] or None, "database": known["NAME"],
    }  # fmt: skip
    if any(name.startswith("ssl") for name in options):
        query = "&".join(f"{name}={options[name]}" for name in options if name.startswith("ssl"))
        named["dsn"] = f"postgresql://?{query}"  # certificates are named there alone
    server = {name: options[name] for name in ("options", "application_name") if name in options}
    return {**named, "server_settings": server}
