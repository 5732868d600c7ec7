"""How many requests a key may send: a token bucket for each, in this process."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

BURST_SECONDS = 2.0
MOST_BUCKETS = 10_000


@dataclass(slots=True)
class Bucket:
    tokens: float
    filled_at: float


class Buckets:
    """`take` one token a request; buckets fill at so many tokens a second, up to two seconds' worth."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self.buckets: dict[str, Bucket] = {}

    def take(self, key: str, per_second: int) -> int:
        """0 where the request may pass, else after how many whole seconds it may."""
        now, most = self.clock(), max(1.0, per_second * BURST_SECONDS)
        bucket = self.buckets.get(key)
        if bucket is None:
            self._make_room()
            bucket = self.buckets[key] = Bucket(most, now)
        bucket.tokens = min(most, bucket.tokens + (now - bucket.filled_at) * per_second)
        bucket.filled_at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0
        return max(1, math.ceil((1 - bucket.tokens) / per_second)) if per_second else 60

    def _make_room(self) -> None:
        """The one that has been there longest goes: it begins full again, which costs nothing."""
        if len(self.buckets) >= MOST_BUCKETS:
            del self.buckets[next(iter(self.buckets))]
