"""What happens after events arrive, top to bottom.

Two stages, each a queue of its own and a list of steps. *Arrivals* takes new events by visitor and finds whose they
are; the leads they touch then wait, with those events, for *leads*, which takes leads that nobody else holds through
every step. One batch is one transaction: a crash anywhere gives it back to its queue, and a second run of any step
changes nothing. One lead is in one batch at a time, and its events come in order.

What fails is halved until the culprit stands alone (`events.failures`); everybody else goes on at once.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cultiva.capture.social import derive as derive_social
from cultiva.events.actions import LedgerEvent
from cultiva.events.batch import Batch
from cultiva.events.failures import (
    AT_ARRIVALS,
    AT_LEADS,
    WAITS,
    Failure,
    describe,
    failed_events,
    forget_failure,
    hold_failure,
    is_passing,
    list_failures,
    note_failure,
    take_out_event,
)
from cultiva.events.inbox import claim_arrivals
from cultiva.events.seen import note_seen
from cultiva.leads.actions import project, resolve
from cultiva.leads.commerce import count_conversions
from cultiva.leads.inbox import (
    hold_leads,
    put_back,
    put_in_inbox,
    take_out_lead,
    take_waiting,
    touch,
    waiting_leads,
)
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.timings import TIMINGS
from cultiva.lib.turns import each_in_turn
from cultiva.lifecycle.actions import advance as advance_stages
from cultiva.magnets.following import note_opened, reward
from cultiva.mailing.actions import answer
from cultiva.nurture.actions import advance as advance_workflows
from cultiva.sales.actions import hand_over
from cultiva.scoring.actions import rescore_due, score
from cultiva.segments.personas import closeness as personas
from cultiva.segments.refreshing import due_leads, put_off, refresh, refresh_states, unfold_due

log = logging.getLogger(__name__)

Step = Callable[[Batch], None]

# Told apart by name in timings and failures: several rooms call their step `advance`.
ARRIVALS: dict[str, Step] = {
    "leads.resolve": resolve,
    "events.note_seen": note_seen,  # late: every worker counts in the same rows, which are held until the commit
    "capture.derive_social": derive_social,  # what it records comes back to be counted
}
STEPS: dict[str, Step] = {
    "leads.project": project,
    "leads.count_conversions": count_conversions,
    "segments.refresh": refresh,
    "personas.refresh": personas.refresh,
    "scoring.score": score,
    "lifecycle.advance": advance_stages,
    "personas.refresh_states": personas.refresh_states,
    "segments.refresh_states": refresh_states,
    "sales.hand_over": hand_over,
    "nurture.advance": advance_workflows,
    "magnets.note_opened": note_opened,
    "magnets.reward": reward,
    "mailing.answer": answer,
    "segments.put_off": put_off,
    "personas.put_off": personas.put_off,
}
MOST_CULPRITS = 10  # searched for in one turn: what is broken for everybody must not keep other workspaces waiting
MOST_RETRIES = 20  # in one turn


@dataclass
class Pace:
    """How many events a batch takes: as many as one transaction works through in 100 to 250 ms.

    A line is fitted through the last batches (each counts 0.9 of the one after it): what a batch costs whatever its
    size, and what an event costs. Where the first alone is long, as on a machine that is busy with other things,
    smaller batches would only mean more of them: then half of the time goes to it.
    """

    size: int = 200
    least: int = 50
    most: int = 2000
    aim_seconds: float = 0.175
    _sums: tuple[float, ...] = (0.0,) * 5  # of 1, n, t, n*n, n*t

    def note(self, taken: int, seconds: float) -> None:
        new = (1.0, taken, seconds, taken * taken, taken * seconds)
        self._sums = tuple(0.9 * old + each for old, each in zip(self._sums, new, strict=True))
        fixed, each = self._line()
        wanted = (max(self.aim_seconds, 2 * fixed) - fixed) / each
        nearest = min(max(wanted, self.size / 2), self.size * 2)
        self.size = int(min(max(nearest, self.least), self.most))

    def _line(self) -> tuple[float, float]:
        """Seconds of a batch without events, and of each event."""
        count, n, t, nn, nt = self._sums
        spread = count * nn - n * n
        each = (count * nt - n * t) / spread if spread > 0.01 * n * n else t / n
        each = min(max(each, 1e-6), t / n)
        return (t - each * n) / count, each


@dataclass
class Turns:
    """What one worker remembers between its batches of a workspace."""

    arrivals: Pace = field(default_factory=Pace)
    leads: Pace = field(default_factory=Pace)
    due: Pace = field(default_factory=Pace)
    after_lead: int = 0  # the queue of leads is read round and round: nobody waits for those with smaller ids


_turns: dict[int, Turns] = {}


class StepFailed(Exception):
    """A step raised on a batch; `subjects` are the batch's events (arrivals) or leads."""

    def __init__(self, step: str, subjects: Sequence[int], error: BaseException) -> None:
        super().__init__(step)
        self.step, self.subjects, self.error = step, list(subjects), error


def process_waiting(*, at: datetime) -> int:
    """One batch of each stage of every workspace that has work; returns how many events and leads were taken."""
    began = time.perf_counter()
    waiting = {row["workspace_id"]: row for row in fetch_all("SELECT * FROM flow_waiting()")}

    def now() -> datetime:
        return at + timedelta(seconds=time.perf_counter() - began)

    def work(workspace_id: int) -> int:
        row, taken = waiting[workspace_id], 0
        if row["has_events"]:
            taken += process_arrivals(workspace_id=workspace_id, at=now())
        if row["has_leads"] or taken:
            taken += process_leads(workspace_id=workspace_id, at=now())
        if row["has_failures"]:
            taken += try_again(workspace_id=workspace_id, at=now())
        return taken

    return each_in_turn(waiting, work)


def process_workspace(*, workspace_id: int, at: datetime) -> int:
    """Everything that waits in a workspace now, until its queues are empty or others hold what is left."""
    total, taken = 0, 1
    while taken:
        taken = process_arrivals(workspace_id=workspace_id, at=at) + process_leads(workspace_id=workspace_id, at=at)
        total += taken
    return total


def process_arrivals(*, workspace_id: int, at: datetime) -> int:
    """One batch of new events: whose they are, and what was seen. Returns how many there were."""
    pace = _turns_of(workspace_id).arrivals
    return _whole_or_halves(lambda only: _take_arrivals(workspace_id, at, pace, only), workspace_id, AT_ARRIVALS)


def process_leads(*, workspace_id: int, at: datetime) -> int:
    """One batch of leads with their new events, through every step. Returns how many events and leads there were."""
    pace = _turns_of(workspace_id).leads
    return _whole_or_halves(lambda only: _take_leads(workspace_id, at, pace, only), workspace_id, AT_LEADS)


def process_due_leads(*, workspace_id: int, at: datetime) -> int:
    """Leads whose score, persona or segments time alone changes (a window's edge, ageing): same steps, no events."""
    pace = _turns_of(workspace_id).due
    unfold_due(workspace_id=workspace_id, at=at)
    return _whole_or_halves(lambda only: _take_due(workspace_id, at, pace, only), workspace_id, AT_LEADS)


def _turns_of(workspace_id: int) -> Turns:
    return _turns.setdefault(workspace_id, Turns())


# One batch of each stage, in one transaction. They raise StepFailed.


def _take_arrivals(workspace_id: int, at: datetime, pace: Pace, only: list[int] | None) -> int:
    began = time.perf_counter()
    batch = Batch(workspace_id=workspace_id, at=at)
    with _blaming(AT_ARRIVALS) as subjects, workspace_scope(workspace_id):
        batch.events, batch.passed_on = claim_arrivals(workspace_id=workspace_id, limit=pace.size, only=only)
        subjects.extend(event.id for event in (*batch.events, *batch.passed_on))
        if subjects:
            _arrive(batch, subjects)
    _note(AT_ARRIVALS, pace, len(subjects), began)
    _note_latency([event for event in batch.events if event.lead_id is None], at, began)
    return len(subjects)


def _arrive(batch: Batch, subjects: Sequence[int]) -> None:
    run_steps(ARRIVALS, batch, subjects)
    put_in_inbox(batch)


def _take_leads(workspace_id: int, at: datetime, pace: Pace, only: list[int] | None) -> int:
    began = time.perf_counter()
    with _blaming(AT_LEADS) as subjects, workspace_scope(workspace_id):
        held = hold_leads(workspace_id=workspace_id, lead_ids=only) if only else _hold_next(workspace_id, pace.size)
        lead_ids, events = take_waiting(workspace_id=workspace_id, lead_ids=held, limit=pace.size)
        subjects.extend(lead_ids)
        if lead_ids:
            run_steps(STEPS, Batch(workspace_id=workspace_id, at=at, events=list(events), lead_ids=lead_ids), subjects)
    taken = max(len(events), len(lead_ids))
    _note(AT_LEADS, pace, taken, began)
    _note_latency(events, at, began)
    return taken


def _hold_next(workspace_id: int, limit: int) -> list[int]:
    """Leads that wait and that nobody holds, from where this worker stopped, once round at most."""
    turns, held, is_round = _turns_of(workspace_id), list[int](), False
    while not held:
        found = waiting_leads(workspace_id=workspace_id, after=turns.after_lead, limit=limit)
        if not found and is_round:
            break
        is_round |= turns.after_lead == 0 or not found
        turns.after_lead = found[-1] if found else 0
        held = hold_leads(workspace_id=workspace_id, lead_ids=found)
    return held


def _take_due(workspace_id: int, at: datetime, pace: Pace, only: list[int] | None) -> int:
    began = time.perf_counter()
    with _blaming(AT_LEADS) as subjects, workspace_scope(workspace_id):
        failing = [each.subject_id for each in list_failures(workspace_id) if each.stage == AT_LEADS]
        subjects.extend(hold_leads(workspace_id=workspace_id, lead_ids=only or _due(workspace_id, at, pace, failing)))
        if subjects:
            run_steps(STEPS, Batch(workspace_id=workspace_id, at=at, lead_ids=list(subjects), is_due=True), subjects)
    _note("due", pace, len(subjects), began)
    return len(subjects)


def _due(workspace_id: int, at: datetime, pace: Pace, failing: list[int]) -> list[int]:
    """Leads whose score, persona or place in a segment time alone may have changed, ascending."""
    scores = rescore_due(workspace_id=workspace_id, at=at, limit=pace.size, without=failing)
    segments = due_leads(workspace_id=workspace_id, at=at, limit=pace.size, without=failing)
    closeness = personas.due_leads(workspace_id=workspace_id, at=at, limit=pace.size, without=failing)
    return sorted({*scores, *segments, *closeness})


def run_steps(steps: Mapping[str, Step], batch: Batch, subjects: Sequence[int] = ()) -> None:
    """Every step in order, timed by its name. Raises StepFailed with the name and what failed."""
    for name, step in steps.items():
        began = time.perf_counter()
        try:
            step(batch)
        except Exception as error:
            raise StepFailed(name, subjects, error) from error
        TIMINGS.note(name, time.perf_counter() - began)


@contextmanager
def _blaming(stage: str) -> Iterator[list[int]]:
    """Tells what fails outside every step, as a constraint that is checked at the commit does. Yields `subjects`."""
    subjects: list[int] = []
    try:
        yield subjects
    except StepFailed:
        raise
    except Exception as error:
        if not subjects:
            raise
        raise StepFailed(f"{stage}.commit", subjects, error) from error


def _note(stage: str, pace: Pace, taken: int, began: float) -> None:
    if taken:
        took = time.perf_counter() - began
        pace.note(taken, took)
        TIMINGS.note(stage, took, size=taken)


def _note_latency(events: Sequence[LedgerEvent], at: datetime, began: float) -> None:
    """From an event's receipt to the end of its last step, in the product's time."""
    done_at = at + timedelta(seconds=time.perf_counter() - began)
    for event in events:
        if event.received_at is not None:
            TIMINGS.note("in_to_done", max(0.0, (done_at - event.received_at).total_seconds()))


# What fails.


def _whole_or_halves(take: Callable[[list[int] | None], int], workspace_id: int, stage: str) -> int:
    try:
        return take(None)
    except StepFailed as failed:
        if is_passing(failed.error):
            return _passing(failed.error, workspace_id)
        log.warning(
            "event=flow.step_failed workspace=%d stage=%s step=%s subjects=%d error=%s",
            workspace_id, stage, failed.step, len(failed.subjects), describe(failed.error),
        )  # fmt: skip
        return _search(take, failed, workspace_id, stage, culprits=[])


def _passing(error: BaseException, workspace_id: int) -> int:
    """Two workers met: again in the next round. The database is away: told upwards."""
    if str(getattr(error.__cause__, "sqlstate", "")).startswith(("40", "55")):
        log.warning("event=flow.again workspace=%d error=%s", workspace_id, describe(error))
        return 0
    raise error


def _search(
    take: Callable[[list[int] | None], int], failed: StepFailed, workspace_id: int, stage: str, culprits: list[int]
) -> int:
    """Halve what failed until the culprit stands alone; the other half goes on. Each piece is its own transaction."""
    if len(failed.subjects) == 1:
        culprits += failed.subjects
        _blame(failed, workspace_id, stage)
        return 0
    taken, middle = 0, len(failed.subjects) // 2
    for half in (failed.subjects[:middle], failed.subjects[middle:]):
        if len(culprits) >= MOST_CULPRITS:
            break  # the rest waits for the next turn
        try:
            taken += take(half)
        except StepFailed as again:
            if is_passing(again.error):
                return taken + _passing(again.error, workspace_id)
            taken += _search(take, again, workspace_id, stage, culprits)
    return taken


def _blame(failed: StepFailed, workspace_id: int, stage: str) -> None:
    """The culprit leaves its queue until its next try."""
    subject_id = failed.subjects[0]
    with workspace_scope(workspace_id):
        event = take_out_event(workspace_id, subject_id) if stage == AT_ARRIVALS else None
        if stage == AT_ARRIVALS and event is None:
            return  # another worker has it
        if stage == AT_LEADS:
            touch(workspace_id, [(subject_id, None, None)])  # something waits, even where only time had passed
        note_failure(
            workspace_id=workspace_id, stage=stage, subject_id=subject_id, step=failed.step,
            error=describe(failed.error), events=[(event.id, event.received_at)] if event else [],
            is_passed_on=event is not None and event.is_passed_on,
        )  # fmt: skip


def try_again(*, workspace_id: int, at: datetime) -> int:
    """Failures whose next try is due, and news of leads that were set aside, each alone; returns how many went well."""
    parameters = {"workspace": workspace_id, "now": datetime.now(UTC), "limit": MOST_RETRIES}
    with workspace_scope(workspace_id):
        found = fetch_all(load_sql("events", "waiting_failures"), parameters)
        found += fetch_all(load_sql("leads", "news_of_set_aside"), parameters)
    return sum(_try_alone(workspace_id, row["id"], at) for row in found)


def _try_alone(workspace_id: int, failure_id: int, at: datetime, *, by_hand: bool = False) -> bool:
    """One failure through its steps once more. By hand, what was set aside is tried as well."""
    failure: Failure | None = None
    try:
        with _blaming("retry") as subjects, workspace_scope(workspace_id):
            failure = hold_failure(workspace_id, failure_id)
            if failure is None:
                return False
            subjects.append(failure.subject_id)
            if not _redo(workspace_id, failure, at, by_hand=by_hand):
                return False
            if by_hand or failure.set_aside_at is None:
                forget_failure(workspace_id, failure.id)
    except StepFailed as failed:
        if is_passing(failed.error):
            return bool(_passing(failed.error, workspace_id))
        assert failure is not None
        _blame_again(workspace_id, failure, failed, by_hand=by_hand)
        return False
    return True


def _redo(workspace_id: int, failure: Failure, at: datetime, *, by_hand: bool) -> bool:
    """False where somebody else holds the lead."""
    if failure.stage == AT_ARRIVALS:
        batch, events = Batch(workspace_id=workspace_id, at=at), failed_events(workspace_id, failure.id)
        batch.events, batch.passed_on = ([], events) if failure.is_passed_on else (events, [])
        _arrive(batch, [failure.subject_id])
        return True
    lead_ids = hold_leads(workspace_id=workspace_id, lead_ids=[failure.subject_id])
    if not lead_ids:
        return not _exists(workspace_id, failure.subject_id)  # a lead that is gone has no work left
    if by_hand:
        put_back(workspace_id=workspace_id, failure_id=failure.id)
    lead_ids, events = take_waiting(workspace_id=workspace_id, lead_ids=lead_ids, limit=Pace.most)
    if lead_ids:
        batch = Batch(workspace_id=workspace_id, at=at, events=events, lead_ids=lead_ids)
        run_steps(STEPS, batch, [failure.subject_id])
    return True


def _exists(workspace_id: int, lead_id: int) -> bool:
    return bool(fetch_all("SELECT 1 FROM lead_state WHERE workspace_id = %s AND lead_id = %s", [workspace_id, lead_id]))


def _blame_again(workspace_id: int, failure: Failure, failed: StepFailed, *, by_hand: bool) -> None:
    with workspace_scope(workspace_id):
        is_aside = failure.set_aside_at is not None
        was_last = failure.tries + 1 > len(WAITS)
        events = []
        if failure.stage == AT_LEADS and not by_hand and (is_aside or was_last):
            events = take_out_lead(workspace_id=workspace_id, lead_id=failure.subject_id)
        is_aside = note_failure(
            workspace_id=workspace_id, stage=failure.stage, subject_id=failure.subject_id, step=failed.step,
            error=describe(failed.error), tries=failure.tries, events=events,
        )  # fmt: skip
    log.error(
        "event=flow.%s workspace=%d stage=%s subject=%d step=%s tries=%d error=%s",
        "set_aside" if is_aside else "failed_again", workspace_id, failure.stage, failure.subject_id, failed.step,
        failure.tries + 1, describe(failed.error),
    )  # fmt: skip


@dataclass(frozen=True)
class RetryResult:
    """Ids of the failures that went well, and of those that are still there."""

    done: list[int]
    failed: list[int]


def failures(*, workspace_id: int) -> list[Failure]:
    """Work that failed, oldest first; `set_aside_at` tells what waits for a person."""
    with workspace_scope(workspace_id):
        return list_failures(workspace_id)


def retry_failed(*, workspace_id: int, ids: Sequence[int], at: datetime) -> RetryResult:
    """Take failed work through its steps now, each alone, as of `at`. What fails again keeps its events."""
    done = [each for each in ids if _try_alone(workspace_id, each, at, by_hand=True)]
    return RetryResult(done=done, failed=[each for each in ids if each not in done])


def discard_failed(*, workspace_id: int, ids: Sequence[int]) -> int:
    """Forget failed work; the events stay in the ledger. Returns how many failures went."""
    discarded = 0
    for failure_id in ids:
        with workspace_scope(workspace_id):
            failure = hold_failure(workspace_id, failure_id)
            if failure is not None:
                if failure.stage == AT_LEADS and failure.set_aside_at is None:
                    take_out_lead(workspace_id=workspace_id, lead_id=failure.subject_id)
                forget_failure(workspace_id, failure.id)
                discarded += 1
    return discarded
