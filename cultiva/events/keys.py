"""Which source a write key belongs to, remembered for a moment, and for longer while the database is away."""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any

import orjson

from cultiva.events.line import DatabaseAway, Line
from cultiva.events.sources import Source
from cultiva.lib.signing import hash_token

log = logging.getLogger(__name__)

LIFE_SECONDS = 5.0  # a revoked key is refused at the latest after this
UNSURE_SECONDS = 1.0  # while the database does not answer
MOST_KNOWN = 10_000  # wrong keys are remembered too, and anybody can make some up


hash_key = lru_cache(maxsize=4096)(hash_token)


class KeyNotChecked(Exception):
    """The database does not answer, and this key was never seen."""


@dataclass(slots=True)
class Known:
    """What was last heard of a key; `source` is None where it is nobody's."""

    source: Source | None
    good_until: float


class KnownKeys:
    """`find` a key's source with at most one question to the database in five seconds.

    The good ones are kept in a file as well, as hashes, so that a door that opens while the database is away knows
    its senders.
    """

    def __init__(self, look_up: Callable[[str], Awaitable[Source | None]], path: Path) -> None:
        self.look_up, self.path = look_up, path
        self.known: dict[str, Known] = {}
        self.asked: dict[str, asyncio.Task[Source | None]] = {}
        self._load()

    def recall(self, write_key: str) -> Source | None:
        """The source of a key that was looked up just now; None: ask `find`."""
        known = self.known.get(hash_key(write_key))
        return known.source if known and monotonic() < known.good_until else None

    async def find(self, write_key: str) -> Source | None:
        """None: nobody's key. Raises KeyNotChecked."""
        if not write_key or len(write_key) > 200:
            return None
        key_hash = hash_key(write_key)
        known = self.known.get(key_hash)
        if known and monotonic() < known.good_until:
            return known.source
        if key_hash not in self.asked:  # many requests, one question
            self.asked[key_hash] = asyncio.create_task(self._ask(key_hash))
        return await asyncio.shield(self.asked[key_hash])

    async def _ask(self, key_hash: str) -> Source | None:
        try:
            source = await self.look_up(key_hash)
        except DatabaseAway as error:
            known = self.known.get(key_hash)
            if known is None:
                raise KeyNotChecked from error
            known.good_until = monotonic() + UNSURE_SECONDS
            return known.source
        finally:
            self.asked.pop(key_hash, None)
        self._remember(key_hash, source)
        return source

    def _remember(self, key_hash: str, source: Source | None) -> None:
        before = self.known.pop(key_hash, None)
        if len(self.known) >= MOST_KNOWN:
            del self.known[next(iter(self.known))]
        self.known[key_hash] = Known(source, monotonic() + LIFE_SECONDS)
        if (before.source if before else None) != source:
            self._save(key_hash, source)

    def _load(self) -> None:
        for key_hash, fields in self._read_file().items():
            try:
                self.known[key_hash] = Known(Source(**fields), 0.0)
            except TypeError:  # another version wrote it
                continue

    def _read_file(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _save(self, key_hash: str, source: Source | None) -> None:
        """Beside what other processes wrote; a file that cannot be written costs comfort, not events."""
        kept = self._read_file()
        kept.pop(key_hash, None)
        if source:
            kept[key_hash] = asdict(source)
        temporary = self.path.with_suffix(f".{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(kept), encoding="utf-8")
            temporary.replace(self.path)
        except OSError as error:
            log.warning("event=keys.not_saved error=%s", error)


def from_database(line: Line) -> Callable[[str], Awaitable[Source | None]]:
    """A look-up over a line of its own, one question at a time."""
    turn = asyncio.Lock()

    async def look_up(key_hash: str) -> Source | None:
        async with turn:
            rows = await line.ask("SELECT * FROM event_source_by_key($1)", key_hash)
        if not rows:
            return None
        fields = dict(rows[0])
        return Source(**{**fields, "allowed_origins": orjson.loads(fields["allowed_origins"])})

    return look_up
