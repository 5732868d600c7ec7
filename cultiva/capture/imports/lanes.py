"""Writing chunks of rows, each with its place in the file; those of leads in lanes side by side.

The rows are parted by whom they are about, so that one person's rows are in one lane, in the file's order. With each
transaction a lane keeps its own place in the file; who goes on after a kill leaves out what each lane has done.
"""

import itertools
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError, OperationalError, connection, connections
from django.utils import translation

from cultiva.capture.imports import happenings
from cultiva.capture.imports.mapping import Plan
from cultiva.capture.imports.rows import Person
from cultiva.capture.imports.tables import Bad
from cultiva.capture.imports.types import Types
from cultiva.capture.imports.writing import Chunk
from cultiva.capture.models import Import, ImportReject
from cultiva.lib.database import execute, workspace_scope
from cultiva.lib.languages import reader_language

Now = Callable[[], datetime]

LANES = 2  # three and four were no faster on two cores
MOST_WAITING = 2  # chunks in memory beside the one that is read
LEASE = timedelta(seconds=60)  # real time, renewed with each chunk
TRIES = 3  # of a chunk that met somebody who made the same lead, or waited for the same one
MAX_REJECT_CELL = 2000


class Overtaken(Exception):
    """The import was stopped meanwhile, or somebody else is further."""


def parts_people(run: Import, plan: Plan) -> bool:
    """Whether a lead can be met by one lane alone: an address or an external id tells one, and never both. Who has
    neither is found by telephone, among those who have neither."""
    return run.kind == "leads" and not (plan.has("email") and plan.has("external_id"))


def lane_of(row: Person | Bad, lanes: int) -> int:
    """The same for every row about the same person, whenever it is read."""
    key = "" if isinstance(row, Bad) else row.email_key or row.external_id or row.phone_key or ""
    return zlib.crc32(key.encode()) % lanes


class OwnThread(ThreadPoolExecutor):
    """One thread, with a connection."""

    def __init__(self, language: str) -> None:
        super().__init__(1, thread_name_prefix="import-lane", initializer=translation.activate, initargs=(language,))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.submit(connections.close_all)
        super().shutdown(wait, cancel_futures=cancel_futures)


class CallersThread(Executor):
    """For a caller in a transaction, whose rows no other connection sees."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        end = Future[Any]()
        try:
            end.set_result(work(*args, **kwargs))
        except Exception as error:
            end.set_exception(error)
        return end


class Lanes:
    """Each lane has a thread and a connection, and goes through the chunks at its own pace, `MOST_WAITING` at most
    behind the reader. What it has done of the file is its own place; the import's is that of the hindmost."""

    def __init__(self, run: Import, plan: Plan, now: Now) -> None:
        self.run, self.plan, self.now = run, plan, now
        self.learnt: set[str] = set()
        self.read = run.position  # records of the file
        self.places = _places(run)  # of each lane, what it has done and what waits for it
        language = reader_language()  # a thread begins without one
        self.threads = [CallersThread() if connection.in_atomic_block else OwnThread(language) for _ in self.places]
        self.waiting: deque[list[Future[bool]]] = deque()

    def __enter__(self) -> "Lanes":
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self.threads:
            thread.shutdown()

    def write(self, rows: Sequence[Any]) -> bool:
        """False where the import was stopped, or somebody else is further."""
        self._learn(rows)
        parts: list[list[Any]] = [[] for _ in self.places]
        for place, row in enumerate(rows, start=self.read):
            lane = lane_of(row, len(parts))
            if place >= self.places[lane]:
                parts[lane].append(row)
        self.read += len(rows)
        self.waiting.append([
            thread.submit(self._write_lane, lane, part, self.places[lane], self.read)
            for lane, (thread, part) in enumerate(zip(self.threads, parts, strict=True))
            if self.read > self.places[lane]
        ])  # fmt: skip
        self.places = [max(self.read, place) for place in self.places]
        return self.settle(MOST_WAITING)

    def settle(self, most_waiting: int = 0) -> bool:
        """Wait until so few chunks are under way; as `write`."""
        is_ours = True
        while len(self.waiting) > most_waiting:
            ends = self.waiting.popleft()
            wait(ends)
            is_ours = all([end.result() for end in ends]) and is_ours
        _read_again(self.run)
        return is_ours

    def _learn(self, rows: Sequence[Any]) -> None:
        """Attributes seen for the first time, before: or one lane would wait for the other's definitions."""
        people = [row for row in rows if not isinstance(row, Bad)]
        new = {key for person in people for key in person.known} - self.learnt
        if new:
            said = [{key: value for key, value in person.known.items() if key in new} for person in people]
            with workspace_scope(self.run.workspace_id):
                Types.read(workspace_id=self.run.workspace_id, said=said, at=self.now(), may_learn=True)
            self.learnt |= new

    def _write_lane(self, lane: int, rows: Sequence[Any], begin: int, end: int) -> bool:
        """The lane's rows between two records of the file. False, too, where those before it failed."""

        def write() -> None:
            run = self.run
            # A server that dies may lose the last chunks, their place in the file with them: they are done anew.
            execute("SET LOCAL synchronous_commit = off")
            chunk = Chunk(run, self.plan, _fresh(rows), self.now())
            chunk.settle()
            chunk.write()
            keep_rejects(run, chunk.rejects)
            stored = _lock(run)
            places = _places(stored)
            if places[lane] != begin:
                raise Overtaken
            places[lane] = end
            stored.lanes, stored.position = places, min(places)
            _save(stored, chunk.counts)

        return _tried(self.run.workspace_id, write)


def _places(run: Import) -> list[int]:
    """An import goes on in as many lanes as it was begun with: another number would part its people otherwise."""
    return list(run.lanes) or [run.position] * LANES


def write_chunk(run: Import, plan: Plan, rows: Sequence[Any], now: Now) -> bool:
    """One transaction; False where the import was stopped, or somebody else is further."""

    def write() -> None:
        stored = _lock(run)
        if stored.position != run.position:
            raise Overtaken
        at = now()
        if run.kind == "events":
            counts, rejects = happenings.write(run, plan, rows, at)
        else:
            chunk = Chunk(run, plan, _fresh(rows), at)
            chunk.settle()
            chunk.write()
            counts, rejects = chunk.counts, chunk.rejects
        keep_rejects(run, rejects)
        stored.position += len(rows)
        _save(stored, counts)

    is_done = _tried(run.workspace_id, write)
    _read_again(run)
    return is_done


def _read_again(run: Import) -> None:
    with workspace_scope(run.workspace_id):
        run.refresh_from_db(fields=["position", "counts", "lanes", "leased_until"])


def _tried(workspace_id: int, write: Callable[[], None]) -> bool:
    for attempt in itertools.count(1):
        try:
            with workspace_scope(workspace_id):
                write()
            return True
        except Overtaken:
            return False
        except (IntegrityError, OperationalError):  # somebody made the same lead, or a deadlock
            if attempt == TRIES:
                raise
            time.sleep(0.05 * attempt)
    return False


def _lock(run: Import) -> Import:
    stored = Import.objects.select_for_update(no_key=True).get(workspace_id=run.workspace_id, id=run.id)
    if stored.state != "running":
        raise Overtaken
    return stored


def _save(stored: Import, counts: Counter[str]) -> None:
    total = Counter(stored.counts)
    total.update(counts)
    stored.counts = dict(total)
    stored.leased_until = datetime.now(UTC) + LEASE
    stored.save(update_fields=["counts", "position", "lanes", "leased_until"])


def _fresh(rows: Sequence[Any]) -> Sequence[Any]:
    """A second try must not see what the first put into the rows."""
    for row in rows:
        if not isinstance(row, Bad):
            row.known.pop("other_email", None)
            row.known.pop("other_external_id", None)
    return rows


def keep_rejects(run: Import, rejects: Sequence[Bad]) -> None:
    ImportReject.objects.bulk_create(
        ImportReject(
            workspace_id=run.workspace_id,
            run=run,
            part=bad.part[:120],
            line=bad.line,
            reason=bad.reason[:300],
            cells=[_reject_cell(cell) for cell in bad.cells],
        )
        for bad in rejects
    )


def _reject_cell(cell: Any) -> Any:
    if isinstance(cell, (list, dict)):
        return cell
    text = "" if cell is None else str(cell)
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:MAX_REJECT_CELL]
