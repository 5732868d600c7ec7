"""Parcels into the ledger: whoever waits goes into one transaction, and gets an answer once it is durable.

While the database is away, parcels go to the spool, durable too, and from there to the ledger when it is back.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from cultiva.events.line import DatabaseAway, Line, RowsRefused
from cultiva.events.messages import Parcel, faulty_row
from cultiva.events.spool import Spool, SpoolFull, read_all

log = logging.getLogger(__name__)

LINES = 2  # while one group commits, the next is sent, if it is worth it
MANY_ROWS = 64
MOST_ROWS = 2_000  # of a transaction; more made it no faster, and those who wait wait longer
MOST_WAITING = 5_000  # requests
MOST_WAITING_BYTES = 64 * 1024 * 1024
LOOK_SECONDS = 1.0  # between two looks for a database that is away, and for what killed processes left
DRAIN_ROWS = 2_000


class Busy(Exception):
    """Too much waits already; `seconds` is when to come back."""

    def __init__(self, seconds: int = 1) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class NotStored(Exception):
    """Neither the database nor the disk took it."""


class Waiting(NamedTuple):
    parcel: Parcel
    size_bytes: int
    answer: "asyncio.Future[None]"


class Writer:
    """`start`, `store` any number of parcels at once, `stop`. All in one event loop."""

    def __init__(self, spool: Spool, *, make_line: Callable[[], Line] = Line) -> None:
        self.spool = spool
        self.lines = [make_line() for _line in range(LINES)]  # those that are free
        self.spool_line = make_line()
        self.waiting: deque[Waiting] = deque()
        self.waiting_bytes = self.waiting_rows = 0
        self.is_away = False
        self.is_woken = False
        self.disk = asyncio.Lock()  # the spool's files have one writer
        self.groups: set[asyncio.Task[None]] = set()
        self.keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.keeper = asyncio.create_task(self._keep_spool_empty())

    async def stop(self) -> None:
        """What waits is stored first."""
        while self.waiting or self.groups:
            await asyncio.sleep(0.01)
        if self.keeper:
            self.keeper.cancel()
            await asyncio.gather(self.keeper, return_exceptions=True)
        for line in [*self.lines, self.spool_line]:
            line.drop()
        self.spool.close()

    async def store(self, parcel: Parcel, *, size_bytes: int = 0) -> None:
        """Returns once the parcel is durable. Raises Busy or NotStored."""
        if len(self.waiting) >= MOST_WAITING or self.waiting_bytes + size_bytes > MOST_WAITING_BYTES:
            raise Busy
        loop = asyncio.get_running_loop()
        entry = Waiting(parcel, size_bytes, loop.create_future())
        self.waiting.append(entry)
        self.waiting_bytes += size_bytes
        self.waiting_rows += len(parcel.rows)
        if not self.is_woken:  # after all requests that are here already
            self.is_woken = True
            loop.call_soon(self._begin)
        await entry.answer

    def _begin(self) -> None:
        """One group at a time, so that groups grow with the load; a second beside it where much waits."""
        self.is_woken = False
        while self.waiting and self.lines and (not self.groups or self.waiting_rows >= MANY_ROWS):
            line = self.lines.pop()
            task = asyncio.create_task(self._store_group(line, self._take_group()))
            self.groups.add(task)
            task.add_done_callback(partial(self._end, line))

    def _end(self, line: Line, task: "asyncio.Task[None]") -> None:
        self.groups.discard(task)
        self.lines.append(line)
        self._begin()

    def _take_group(self) -> list[Waiting]:
        """Those who wait for the workspace of the one who waits longest, up to a transaction's worth."""
        group: list[Waiting] = []
        others: list[Waiting] = []
        rows = 0
        while self.waiting and rows < MOST_ROWS:
            entry = self.waiting.popleft()
            if group and entry.parcel.workspace_id != group[0].parcel.workspace_id:
                others.append(entry)
                continue
            group.append(entry)
            rows += len(entry.parcel.rows)
            self.waiting_bytes -= entry.size_bytes
        self.waiting_rows -= rows
        self.waiting.extendleft(reversed(others))
        return group

    async def _store_group(self, line: Line, group: list[Waiting]) -> None:
        outcome: Exception | None = None
        try:
            await self._store(line, merge([entry.parcel for entry in group]))
        except (Busy, NotStored) as error:
            outcome = error
        except Exception:
            log.exception("event=collector.not_stored requests=%d", len(group))
            outcome = NotStored()
        for entry in group:
            if not entry.answer.done():  # else its sender hung up
                entry.answer.set_exception(outcome) if outcome else entry.answer.set_result(None)

    async def _store(self, line: Line, parcel: Parcel) -> None:
        try:
            if self.is_away:
                raise DatabaseAway
            await write_apart(line, parcel)
        except DatabaseAway as error:
            self._note_away(error)
            await self._spool(parcel)

    def _note_away(self, error: DatabaseAway) -> None:
        if not self.is_away:
            log.warning("event=collector.database_away error=%s", error)
        self.is_away = True

    async def _spool(self, parcel: Parcel) -> None:
        try:
            async with self.disk:
                await asyncio.to_thread(self.spool.append, [parcel])
        except SpoolFull as error:
            raise Busy(10) from error
        except OSError as error:
            log.error("event=spool.not_written error=%s", error)
            raise NotStored from error

    async def _keep_spool_empty(self) -> None:
        """Look for the database while it is away, and bring to it what waits on disk."""
        while True:
            try:
                await self._drain(self.spool_line)
            except DatabaseAway as error:
                self._note_away(error)
            except Exception:
                log.exception("event=spool.not_drained")
            await asyncio.sleep(LOOK_SECONDS)

    async def _drain(self, line: Line) -> None:
        async with self.disk:
            await asyncio.to_thread(self.spool.adopt)
            segments = self.spool.segments()
        if not self.is_away and not segments:
            return
        await line.ask("SELECT 1")
        if self.is_away:
            log.warning("event=collector.database_back segments=%d", len(segments))
        self.is_away = False
        async with self.disk:  # from here on nothing is added to these
            self.spool.close_segment()
            segments = self.spool.segments()
        for segment in segments:
            for parcel in gather(await asyncio.to_thread(read_all, segment)):
                await write_apart(line, parcel)
            async with self.disk:
                self.spool.remove(segment)


async def write_apart(line: Line, parcel: Parcel) -> None:
    """Write a parcel; a row that the database refuses goes to quarantine, its neighbours to the ledger.

    Raises DatabaseAway. What was written before it can be written again.
    """
    try:
        await line.write(parcel)
    except RowsRefused as refused:
        half = len(parcel.rows) // 2
        if half:
            await write_apart(line, Parcel(parcel.workspace_id, parcel.rows[:half], parcel.faulty, parcel.uncovered))
            await write_apart(line, Parcel(parcel.workspace_id, parcel.rows[half:]))
        elif parcel.rows:
            log.warning("event=collector.row_refused workspace=%d error=%s", parcel.workspace_id, refused)
            culprit = faulty_row(parcel.rows[0], "refused", f"The database refused it: {refused}")
            await write_apart(line, Parcel(parcel.workspace_id, [], [*parcel.faulty, culprit], parcel.uncovered))
        else:
            log.error("event=collector.quarantine_refused workspace=%d error=%s", parcel.workspace_id, refused)


def merge(parcels: list[Parcel]) -> Parcel:
    """One parcel of several of the same workspace."""
    if len(parcels) == 1:
        return parcels[0]
    whole = Parcel(parcels[0].workspace_id)
    for parcel in parcels:
        whole.rows += parcel.rows
        whole.faulty += parcel.faulty
        for counted, times in parcel.uncovered.items():
            whole.uncovered[counted] = whole.uncovered.get(counted, 0) + times
    return whole


def gather(parcels: list[Parcel]) -> list[Parcel]:
    """Neighbours of one workspace put together, up to a transaction's worth; the order stays."""
    whole: list[list[Parcel]] = []
    rows = 0
    for parcel in parcels:
        rows += len(parcel.rows)
        if whole and whole[-1][0].workspace_id == parcel.workspace_id and rows <= DRAIN_ROWS:
            whole[-1].append(parcel)
        else:
            whole.append([parcel])
            rows = len(parcel.rows)
    return [merge(each) for each in whole]
