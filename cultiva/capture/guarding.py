"""What keeps programs out of forms: a trap, a least time, a sum for the browser, and limits.

Who is suspected gets the answer that everybody gets, and what was sent is held for a person to look at.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import SystemRandom
from time import monotonic
from typing import Any

from altcha import create_challenge, verify_solution
from django.conf import settings

from cultiva.capture.forms import MIN_FILL, PROOF, TRAP, Shown
from cultiva.lib.signing import keyed_hash

Json = dict[str, Any]

SUSPICIONS = ("trap", "too_fast", "no_proof")
# About half a second for a browser (measured: 0.1 to 0.5 s), a third of a millisecond to check.
ALGORITHM, COST, FEWEST, MOST = "PBKDF2/SHA-256", 5_000, 40, 120
MINUTE, HOUR = 60.0, 3_600.0
HOURLY = 4  # as many times a minute's limit, of one form
MOST_SENDERS = 50_000


def suspicion(form: Shown, posted: Mapping[str, Any], at: datetime) -> str:
    """One of SUSPICIONS, or "". A static form has no token, so neither a time nor a sum can be asked of it."""
    if posted.get(TRAP):
        return "trap"
    if form.issued_at is None:
        return ""
    if at - form.issued_at < MIN_FILL:
        return "too_fast"
    is_asked = bool(form.form.body.get("proof_of_work"))
    return "no_proof" if is_asked and not is_solved(form.token, str(posted.get(PROOF, ""))) else ""


def make_sum(token: str) -> Json:
    """A challenge of ALTCHA for one showing of a form: its keys are made of the render token, which works once and
    ends by itself."""
    challenge = create_challenge(
        ALGORITHM,
        COST,
        counter=SystemRandom().randint(FEWEST, MOST),
        hmac_secret=keyed_hash("form-sum", token),
        hmac_key_secret=keyed_hash("form-sum-key", token),
    )
    return dict(challenge.to_dict())


def is_solved(token: str, answer: str) -> bool:
    """Whether an answer is of the very sum that went with this token (whose age is asked elsewhere)."""
    if not answer or len(answer) > 4_000:
        return False
    secrets = keyed_hash("form-sum", token), keyed_hash("form-sum-key", token)
    try:
        found = verify_solution(answer, secrets[0], hmac_key_secret=secrets[1])
    except Exception:  # a library for well-meant answers: what is none is no answer
        return False
    return bool(found.verified)


class Limits:
    """How many submissions one sender may make, in this process: so many a minute, four times as many of one form in
    an hour."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self.lock = threading.Lock()
        self.sent: dict[str, deque[float]] = {}

    def take(self, sender: str, form: str) -> int:
        """0 where it may pass, else after how many seconds it may."""
        most = int(settings.FORM_LIMIT)
        if not most or not sender:
            return 0
        with self.lock:
            windows = [(sender, MINUTE, most), (f"{sender} {form}", HOUR, most * HOURLY)]
            waits = [self._wait(*window) for window in windows]
            if not any(waits):
                for key, _, _ in windows:
                    self.sent.setdefault(key, deque()).append(self.clock())
            return max(waits)

    def _wait(self, key: str, seconds: float, most: int) -> int:
        now = self.clock()
        times = self.sent.get(key)
        while times and times[0] <= now - seconds:
            times.popleft()
        if times is not None and not times:
            del self.sent[key]
            return 0
        if len(self.sent) > MOST_SENDERS:
            self.sent.clear()  # under such an attack the limit of single senders means nothing
        return math.ceil(times[0] + seconds - now) if times and len(times) >= most else 0


LIMITS = Limits()
KEEP_HELD = timedelta(days=30)
