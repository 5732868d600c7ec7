"""Writing chunks of rows, each with its place in the file; those of leads in two lanes side by side.

The rows of a chunk are parted by whom they are about, so that one person's rows are in one lane, in the file's order.
Each lane is a transaction on a connection of its own. The first to commit leaves a mark, the second moves the place;
who goes on after a kill in between does only the lane that is not marked.
"""

import itertools
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError, OperationalError, connections

from cultiva.capture.imports import happenings
from cultiva.capture.imports.mapping import Person, Plan
from cultiva.capture.imports.reading import Bad
from cultiva.capture.imports.types import Types
from cultiva.capture.imports.writing import Chunk
from cultiva.capture.models import Import, ImportReject
from cultiva.lib.database import workspace_scope

Now = Callable[[], datetime]

LANES = 2
LEASE = timedelta(seconds=60)  # real time, renewed with each chunk
TRIES = 3  # of a chunk that met somebody who made the same lead, or waited for the same one
MAX_REJECT_CELL = 2000


class Overtaken(Exception):
    """The import was stopped meanwhile, or somebody else is further."""


def parts_people(run: Import, plan: Plan) -> bool:
    """Whether a lead can be met by one lane alone: an address or an external id tells one, and never both. Who has
    neither is found by telephone, among those who have neither."""
    return run.kind == "leads" and not (plan.has("email") and plan.has("external_id"))


def lane_of(row: Person | Bad) -> int:
    """The same for every row about the same person, whenever it is read."""
    key = "" if isinstance(row, Bad) else row.email_key or row.external_id or row.phone_key or ""
    return zlib.crc32(key.encode()) % LANES


class Lanes:
    """The first lane runs in the caller's thread, the second in one of ours."""

    def __init__(self, run: Import, plan: Plan, now: Now) -> None:
        self.run, self.plan, self.now = run, plan, now
        self.learnt: set[str] = set()
        self.other = ThreadPoolExecutor(1, thread_name_prefix="import-lane")

    def __enter__(self) -> "Lanes":
        return self

    def __exit__(self, *_: object) -> None:
        self.other.submit(connections.close_all).result()
        self.other.shutdown()

    def write(self, rows: Sequence[Any]) -> bool:
        """False where the import was stopped, or somebody else is further."""
        self._learn(rows)
        parts: list[list[Any]] = [[] for _ in range(LANES)]
        for row in rows:
            parts[lane_of(row)].append(row)
        ours, theirs = [
            (lane, parts[lane], len(rows)) if self.run.ahead.get("lane") != lane else None for lane in range(LANES)
        ]
        other = self.other.submit(self._write_lane, *theirs) if theirs else None
        try:
            is_done = self._write_lane(*ours) if ours else True
        finally:
            is_other_done = other.result() if other else True
        _read_again(self.run)
        return is_done and is_other_done

    def _learn(self, rows: Sequence[Any]) -> None:
        """Attributes seen for the first time, before: or one lane would wait for the other's definitions."""
        people = [row for row in rows if not isinstance(row, Bad)]
        new = {key for person in people for key in person.known} - self.learnt
        if new:
            said = [{key: value for key, value in person.known.items() if key in new} for person in people]
            with workspace_scope(self.run.workspace_id):
                Types.read(workspace_id=self.run.workspace_id, said=said, at=self.now(), may_learn=True)
            self.learnt |= new

    def _write_lane(self, lane: int, rows: Sequence[Any], of_rows: int) -> bool:
        def write() -> None:
            run = self.run
            chunk = Chunk(run, self.plan, _fresh(rows), self.now())
            chunk.settle()
            chunk.write()
            keep_rejects(run, chunk.rejects)
            stored = _lock(run)
            if stored.ahead.get("lane") == lane:
                raise Overtaken
            is_last = bool(stored.ahead)
            stored.ahead = {} if is_last else {"rows": of_rows, "lane": lane}
            _save(stored, chunk.counts, of_rows if is_last else 0)

        return _tried(self.run.workspace_id, write)


def write_chunk(run: Import, plan: Plan, rows: Sequence[Any], now: Now) -> bool:
    """One transaction; False where the import was stopped, or somebody else is further."""

    def write() -> None:
        stored = _lock(run)
        at = now()
        if run.kind == "events":
            counts, rejects = happenings.write(run, plan, rows, at)
        else:
            chunk = Chunk(run, plan, _fresh(rows), at)
            chunk.settle()
            chunk.write()
            counts, rejects = chunk.counts, chunk.rejects
        keep_rejects(run, rejects)
        _save(stored, counts, len(rows))

    is_done = _tried(run.workspace_id, write)
    _read_again(run)
    return is_done


def _read_again(run: Import) -> None:
    with workspace_scope(run.workspace_id):
        run.refresh_from_db(fields=["position", "counts", "ahead", "leased_until"])


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
    if stored.state != "running" or stored.position != run.position:
        raise Overtaken
    return stored


def _save(stored: Import, counts: Counter[str], moved: int) -> None:
    total = Counter(stored.counts)
    total.update(counts)
    stored.counts, stored.position = dict(total), stored.position + moved
    stored.leased_until = datetime.now(UTC) + LEASE
    stored.save(update_fields=["counts", "position", "ahead", "leased_until"])


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
