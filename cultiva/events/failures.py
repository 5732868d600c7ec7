"""Work of `flow` that failed: it is tried again with growing waits, and then set aside until a person decides.

Times here are real ones: this is machinery.
"""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db import Error, InterfaceError, OperationalError

from cultiva.events.actions import LedgerEvent
from cultiva.lib.database import execute, fetch_all, load_sql

AT_ARRIVALS, AT_LEADS = "arrivals", "leads"  # stages
WAITS = (timedelta(seconds=5), timedelta(minutes=1))  # after the first and the second try; the third is the last
PACKAGE = Path(__file__).parents[1]

# Not the work is at fault: connections, resources, locks, time-outs (classes of PostgreSQL's Appendix A).
PASSING_CLASSES = ("08", "40", "53", "55", "57", "58")
COLUMNS = "id, stage, subject_id, event_ids, is_passed_on, step, error, tries, failed_at, next_try_at, set_aside_at"


@dataclass(frozen=True)
class Failure:
    """`subject_id` is an event in stage `arrivals`, a lead in stage `leads`; `error` holds no personal data.

    `is_passed_on`: an event that only had to be counted.
    """

    id: int
    stage: str
    subject_id: int
    event_ids: list[int]
    is_passed_on: bool
    step: str
    error: str
    tries: int
    failed_at: datetime
    next_try_at: datetime | None
    set_aside_at: datetime | None


def list_failures(workspace_id: int) -> list[Failure]:
    """What waits for another try, and what was set aside, oldest first."""
    rows = fetch_all(f"SELECT {COLUMNS} FROM flow_failure WHERE workspace_id = %s ORDER BY id", [workspace_id])  # noqa: S608
    return [Failure(**row) for row in rows]


def hold_failure(workspace_id: int, failure_id: int) -> Failure | None:
    """Lock one until the end of the transaction; None where it is gone or somebody else holds it."""
    rows = fetch_all(
        f"SELECT {COLUMNS} FROM flow_failure WHERE workspace_id = %s AND id = %s FOR UPDATE SKIP LOCKED",  # noqa: S608
        [workspace_id, failure_id],
    )
    return Failure(**rows[0]) if rows else None


def failed_events(workspace_id: int, failure_id: int) -> list[LedgerEvent]:
    rows = fetch_all(load_sql("events", "failed_events"), {"workspace": workspace_id, "failure": failure_id})
    return [LedgerEvent(**row) for row in rows]


def forget_failure(workspace_id: int, failure_id: int) -> None:
    execute("DELETE FROM flow_failure WHERE workspace_id = %s AND id = %s", [workspace_id, failure_id])


def note_failure(
    *, workspace_id: int, stage: str, subject_id: int, step: str, error: str, tries: int = 0,
    events: Sequence[tuple[int, datetime]] = (), is_passed_on: bool = False,
) -> bool:  # fmt: skip
    """Keep a failure that was tried so many times before; True where it is set aside now.

    `events`, (id, received at), are those that left their inbox for it.
    """
    now = datetime.now(UTC)
    is_last = tries >= len(WAITS)
    parameters = {
        "workspace": workspace_id,
        "stage": stage,
        "subject": subject_id,
        "events": [event_id for event_id, _ in events],
        "received": [received_at for _, received_at in events],
        "is_passed_on": is_passed_on,
        "step": step,
        "error": error,
        "now": now,
        "next": None if is_last else now + WAITS[tries],
        "aside": now if is_last else None,
    }
    execute(load_sql("events", "note_failure"), parameters)
    return is_last


@dataclass(frozen=True)
class TakenOut:
    id: int
    received_at: datetime
    is_passed_on: bool


def take_out_event(workspace_id: int, event_id: int) -> TakenOut | None:
    """One event out of the inbox of arrivals; None where it is not there."""
    rows = fetch_all(load_sql("events", "take_out_event"), {"workspace": workspace_id, "event": event_id})
    return TakenOut(**rows[0]) if rows else None


def is_passing(error: BaseException) -> bool:
    """Whether the same work may go well a little later: the database is away, or two workers met."""
    if not isinstance(error, Error):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    if state is None:
        return isinstance(error, (OperationalError, InterfaceError))
    return str(state).startswith(PASSING_CLASSES)


def describe(error: BaseException) -> str:
    """What went wrong and where, without the error's own words: those may quote what a lead wrote."""
    said = type(error).__name__
    diagnosis = getattr(error.__cause__, "diag", None)
    if diagnosis is not None:
        said += f" ({', '.join(filter(None, (diagnosis.sqlstate, diagnosis.table_name, diagnosis.constraint_name)))})"
    places = [
        f"{Path(frame.filename).relative_to(PACKAGE)}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(PACKAGE)
    ]
    return " in ".join([said, *reversed(places[-3:])])
