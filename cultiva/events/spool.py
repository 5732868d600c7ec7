"""Where parcels wait while the database is away: files of this process alone, durable before they are acknowledged.

A folder for each process, held by a lock; in it segments, oldest first; in a segment records: length and checksum
(two little-endian 32-bit numbers), then the parcel as JSON. What a killed process left behind is adopted by the next.
A record cut short at the end of a segment was never acknowledged and is passed over.
"""

import fcntl
import logging
import os
import secrets
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

import orjson

from cultiva.events.messages import EventRow, FaultyMessage, Parcel

log = logging.getLogger(__name__)

HEAD = struct.Struct("<II")
SEGMENT_BYTES = 8 * 1024 * 1024
LOCK = "lock"


class SpoolFull(Exception):
    """The spool holds as much as it may."""


class Folder:
    """One process's segments, and the lock that says whose they are."""

    def __init__(self, path: Path, lock: IO[bytes]) -> None:
        self.path, self.lock = path, lock

    def segments(self) -> list[Path]:
        return sorted(self.path.glob("*.segment"))

    def leave(self) -> None:
        """Empty, it goes; with segments, the next process adopts it."""
        if not self.segments():
            with suppress(OSError):
                (self.path / LOCK).unlink()
                self.path.rmdir()
        self.lock.close()


class Spool:
    """`append` parcels, durable when it returns; `segments` and `read_all` give them back in order."""

    def __init__(self, root: Path, *, most_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.root, self.most_bytes, self.segment_bytes = root, most_bytes, segment_bytes
        self.own: Folder | None = None
        self.adopted: list[Folder] = []
        self.open: IO[bytes] | None = None
        self.number = 0

    def append(self, parcels: list[Parcel]) -> None:
        """Raises SpoolFull, or OSError where the disk does not take it."""
        content = b"".join(_to_record(parcel) for parcel in parcels)
        if self.size_bytes() + len(content) > self.most_bytes:
            raise SpoolFull
        file = self._open_segment()
        before = file.tell()
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except OSError:  # a full disk keeps half a record: what comes after it must not lie behind it
            self.close_segment()
            with suppress(OSError):
                os.truncate(file.name, before)
            raise
        if file.tell() >= self.segment_bytes:
            self.close_segment()

    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.segments())

    def segments(self) -> list[Path]:
        """Oldest first: what others left, then our own."""
        folders = [*self.adopted, *([self.own] if self.own else [])]
        return [path for folder in folders for path in folder.segments()]

    def close_segment(self) -> None:
        """What is appended from now on goes to a new segment."""
        if self.open:
            with suppress(OSError):
                self.open.close()
            self.open = None

    def remove(self, segment: Path) -> None:
        segment.unlink()
        for folder in [folder for folder in self.adopted if not folder.segments()]:
            folder.leave()
            self.adopted.remove(folder)

    def adopt(self) -> None:
        """Take over the folders whose processes are no more."""
        mine = {folder.path for folder in [*self.adopted, *([self.own] if self.own else [])]}
        for lock_path in sorted(self.root.glob(f"*/{LOCK}")):
            if lock_path.parent not in mine and (lock := _take_lock(lock_path)):
                folder = Folder(lock_path.parent, lock)
                if folder.segments():
                    self.adopted.append(folder)
                else:
                    folder.leave()

    def close(self) -> None:
        self.close_segment()
        for folder in [*self.adopted, *([self.own] if self.own else [])]:
            folder.leave()
        self.own, self.adopted = None, []

    def _open_segment(self) -> IO[bytes]:
        if self.own is None:
            self.own = self._make_folder()
        if self.open is None:
            self.number += 1
            self.open = (self.own.path / f"{self.number:08}.segment").open("xb")
            _fsync_folder(self.own.path)
        return self.open

    def _make_folder(self) -> Folder:
        path = self.root / f"{os.getpid()}-{secrets.token_hex(4)}"
        path.mkdir(parents=True, mode=0o700)
        lock = (path / "lock.new").open("xb")
        fcntl.flock(lock, fcntl.LOCK_EX)
        (path / "lock.new").rename(path / LOCK)  # seen by others only once it is ours
        _fsync_folder(path)
        _fsync_folder(self.root)
        return Folder(path, lock)


def read_all(segment: Path) -> list[Parcel]:
    """The parcels of a segment, up to its end or to the first record that is not whole."""
    return list(_read(segment))


def _read(segment: Path) -> Iterator[Parcel]:
    content = segment.read_bytes()
    place = 0
    while place < len(content):
        start = place + HEAD.size
        length, checksum = HEAD.unpack_from(content, place) if start <= len(content) else (0, -1)
        record = content[start : start + length]
        if len(record) < length or zlib.crc32(record) != checksum:
            _note_damage(segment, place, len(content), is_cut=start + length >= len(content))
            return
        yield _from_record(record)
        place = start + length


def _note_damage(segment: Path, place: int, size: int, *, is_cut: bool) -> None:
    if is_cut:  # the process died while it wrote: nobody was told that this is safe
        log.info("event=spool.cut_short segment=%s at=%d size=%d", segment, place, size)
        return
    kept = segment.with_suffix(".damaged")
    with suppress(OSError):
        os.link(segment, kept)
    log.error("event=spool.damaged segment=%s at=%d size=%d kept=%s", segment, place, size, kept)


def _to_record(parcel: Parcel) -> bytes:
    rows = [(row.source_id, row.message_hash.hex(), *row[2:]) for row in parcel.rows]
    content = orjson.dumps(
        {
            "workspace": parcel.workspace_id,
            "rows": rows,
            "faulty": [tuple(each) for each in parcel.faulty],
            "uncovered": [[*key, count] for key, count in parcel.uncovered.items()],
        }
    )
    return HEAD.pack(len(content), zlib.crc32(content)) + content


def _from_record(record: bytes) -> Parcel:
    found = orjson.loads(record)
    return Parcel(
        found["workspace"],
        [_to_row(*row) for row in found["rows"]],
        [FaultyMessage(row[0], datetime.fromisoformat(row[1]), *row[2:]) for row in found["faulty"]],
        {(s, date.fromisoformat(day), kind, name): n for s, day, kind, name, n in found["uncovered"]},
    )


def _to_row(source_id: int, message_hash: str, kind: str, name: str, visitor: str, *rest: Any) -> EventRow:
    occurred_at, received_at, *texts = rest
    return EventRow(
        source_id, bytes.fromhex(message_hash), kind, name, visitor,
        datetime.fromisoformat(occurred_at), datetime.fromisoformat(received_at), *texts,
    )  # fmt: skip


def _take_lock(path: Path) -> IO[bytes] | None:
    try:
        lock = path.open("r+b")
    except OSError:  # its process has just left
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def _fsync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
