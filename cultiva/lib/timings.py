"""How long work takes, by name: added up in the process, written down about once a second (table `flow_timing`).

Real time; nothing here belongs to a workspace.
"""

import json
import os
import socket
import threading
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cultiva.lib.database import execute, fetch_all, load_sql

# Upper edges in seconds; the last bucket is open.
EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.175, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 60.0)
WRITE_SECONDS = 1.0
KEEP = timedelta(hours=1)  # rows of workers that have ended


@dataclass
class Timing:
    """How often, how long in all (seconds), how many within each edge, and how big the last batch was (0: none is)."""

    step: str
    count: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(EDGES) + 1))
    last_size: int = 0

    def quantile(self, share: float) -> float:
        """Seconds within which that share of the work was done, as even within its bucket."""
        wanted, below, edge = share * self.count, 0, 0.0
        for upper, number in zip((*EDGES, EDGES[-1]), self.buckets, strict=True):
            if number and below + number >= wanted:
                return edge + (upper - edge) * (wanted - below) / number
            below, edge = below + number, upper
        return edge


class Timings:
    """The timings of this process; any thread may add to them."""

    def __init__(self) -> None:
        self.worker = f"{socket.gethostname()}:{os.getpid()}"
        self._timings: dict[str, Timing] = {}
        self._changed: set[str] = set()
        self._lock = threading.Lock()
        self._written_at = 0.0

    def note(self, step: str, seconds: float, *, size: int = 0) -> None:
        with self._lock:
            timing = self._timings.setdefault(step, Timing(step))
            timing.count += 1
            timing.seconds += seconds
            timing.buckets[bisect_left(EDGES, seconds)] += 1
            timing.last_size = size
            self._changed.add(step)

    def write(self) -> None:
        """Write down what is new, if the last time was a second ago."""
        if not self._changed or time.monotonic() - self._written_at < WRITE_SECONDS:
            return
        self._written_at = time.monotonic()
        with self._lock:
            rows = [vars(self._timings[step]) for step in sorted(self._changed)]
            text = json.dumps(rows)
            self._changed.clear()
        now = datetime.now(UTC)
        parameters = {"worker": self.worker, "rows": text, "now": now, "old": now - KEEP}
        execute(load_sql("lib", "write_timings"), parameters)


TIMINGS = Timings()


def timings_by_worker() -> dict[str, list[Timing]]:
    """What each worker has written down, by name."""
    found: dict[str, list[Timing]] = {}
    for row in fetch_all("SELECT * FROM flow_timing ORDER BY worker, step"):
        fields = {name: row[name] for name in ("step", "count", "seconds", "buckets", "last_size")}
        found.setdefault(row["worker"], []).append(Timing(**fields))
    return found


def add_up(timings: Sequence[Timing]) -> dict[str, Timing]:
    """{step: its timings of all workers together}"""
    total: dict[str, Timing] = {}
    for each in timings:
        sum_ = total.setdefault(each.step, Timing(each.step))
        sum_.count += each.count
        sum_.seconds += each.seconds
        sum_.buckets = [a + b for a, b in zip(sum_.buckets, each.buckets, strict=True)]
        sum_.last_size = max(sum_.last_size, each.last_size)
    return total
