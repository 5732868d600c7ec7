"""All recurring work on one page.

`at` is the product's time; how often a job runs is counted in real time, once for all workers together.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from cultiva.accounts.actions import workspace_ids
from cultiva.accounts.api_keys import forget_answers
from cultiva.bulk import running as bulk
from cultiva.capture.connectors.taking import forget_payloads, take_waiting
from cultiva.capture.holding import forget_held
from cultiva.consent.renewing import remind_pending, tell_expiring
from cultiva.consent.sealing import seal_chains
from cultiva.demo.live import is_live, tick
from cultiva.documents.uploads import forget_old_uploads
from cultiva.events.actions import forget_message_keys, make_partitions_ahead
from cultiva.events.connectors import forget_deliveries
from cultiva.leads import retyping
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.turns import each_in_turn
from cultiva.nurture.actions import advance_due
from cultiva.privacy.erasing import write_archive_anew
from cultiva.privacy.retention import erase_due
from cultiva.segments import building
from cultiva.segments.personas import actions as personas

KEEP_API_ANSWERS = timedelta(days=2)  # the promise is a day
KEEP_MESSAGE_KEYS = timedelta(days=9)  # SDKs retry for a day; the promise is 8
READING_SECONDS = 2.0  # a turn, then other work gets its own
BUILDING_SECONDS = 2.0
ERASING_SECONDS = 5.0
KEEP_DELIVERIES = timedelta(days=30)  # of shops, as they came: to look into what went wrong


@dataclass(frozen=True)
class Job:
    """Recurring work: `run(workspace_id, at)` for every workspace, or `run(0, at)` once."""

    name: str
    every: timedelta
    run: Callable[[int, datetime], object]
    per_workspace: bool = True


def advance_workflows(workspace_id: int, at: datetime) -> None:
    """Every due enrolment, a batch a transaction."""
    advanced = 1
    while advanced:
        with workspace_scope(workspace_id):
            advanced = advance_due(workspace_id=workspace_id, at=at)


def add_live_events(workspace_id: int, at: datetime) -> None:
    with workspace_scope(workspace_id):
        if is_live(workspace_id):
            tick(workspace_id=workspace_id, at=at)


def read_attributes_anew(workspace_id: int, at: datetime) -> None:
    """Values whose attribute got another type, a chunk a transaction."""
    until = time.monotonic() + READING_SECONDS
    retyping.go_on(workspace_id=workspace_id, at=at, must_stop=lambda: time.monotonic() > until)


def build_segments(workspace_id: int, at: datetime) -> None:
    """Segments whose criteria changed: who is in them, and what the ledger is told of it."""
    until = time.monotonic() + BUILDING_SECONDS
    building.go_on(workspace_id=workspace_id, at=at, must_stop=lambda: time.monotonic() > until)


def judge_personas(workspace_id: int, at: datetime) -> None:
    """Everybody anew, where a persona changed."""
    until = time.monotonic() + BUILDING_SECONDS
    personas.go_on(workspace_id=workspace_id, at=at, must_stop=lambda: time.monotonic() > until)


def forget_keys(workspace_id: int, at: datetime) -> None:
    with workspace_scope(workspace_id):
        forget_message_keys(workspace_id=workspace_id, before=at - KEEP_MESSAGE_KEYS)


def forget_held_forms(workspace_id: int, at: datetime) -> None:
    forget_held(workspace_id=workspace_id, at=at)


def take_inbound_leads(workspace_id: int, at: datetime) -> None:
    take_waiting(workspace_id=workspace_id, at=at)


def forget_inbound_payloads(workspace_id: int, at: datetime) -> None:
    forget_payloads(workspace_id=workspace_id, at=at)


def forget_api_answers(workspace_id: int, at: datetime) -> None:
    with workspace_scope(workspace_id):
        forget_answers(workspace_id=workspace_id, before=at - KEEP_API_ANSWERS)


def forget_uploads(workspace_id: int, at: datetime) -> None:
    with workspace_scope(workspace_id):
        forget_old_uploads(workspace_id=workspace_id, at=at)


def forget_webhooks(workspace_id: int, at: datetime) -> None:
    with workspace_scope(workspace_id):
        forget_deliveries(workspace_id=workspace_id, before=at - KEEP_DELIVERIES)


def forget_bulk_actions(workspace_id: int, at: datetime) -> None:
    """Exports after a week, what it takes to undo after a month, drafts after a day."""
    bulk.forget(workspace_id=workspace_id, at=at)


def seal_consents(workspace_id: int, at: datetime) -> None:
    seal_chains(workspace_id=workspace_id, at=at, real_now=datetime.now(UTC))


def remind_of_confirmations(workspace_id: int, at: datetime) -> None:
    remind_pending(workspace_id=workspace_id, at=at)


def tell_expiring_consents(workspace_id: int, at: datetime) -> None:
    tell_expiring(workspace_id=workspace_id, at=at)


def write_erased_months(workspace_id: int, at: datetime) -> None:
    """The archive without those who were erased."""
    write_archive_anew(workspace_id=workspace_id, at=at)


def erase_who_is_not_kept(workspace_id: int, at: datetime) -> None:
    """A person a transaction, some at a turn."""
    until = time.monotonic() + ERASING_SECONDS
    erase_due(workspace_id=workspace_id, at=at, must_stop=lambda: time.monotonic() > until)


def make_partitions(_: int, at: datetime) -> None:
    make_partitions_ahead(at=at)


JOBS = [
    Job("make partitions", timedelta(hours=6), make_partitions, per_workspace=False),
    Job("advance workflows", timedelta(seconds=1), advance_workflows),
    Job("live source", timedelta(seconds=4), add_live_events),
    Job("read attributes anew", timedelta(seconds=2), read_attributes_anew),
    Job("build segments", timedelta(seconds=1), build_segments),
    Job("judge personas", timedelta(seconds=1), judge_personas),
    Job("forget API answers", timedelta(minutes=10), forget_api_answers),
    Job("forget message keys", timedelta(minutes=10), forget_keys),
    Job("forget uploads", timedelta(minutes=30), forget_uploads),
    Job("forget webhooks", timedelta(minutes=10), forget_webhooks),
    Job("forget bulk actions", timedelta(minutes=10), forget_bulk_actions),
    Job("seal consents", timedelta(minutes=30), seal_consents),
    Job("remind of confirmations", timedelta(minutes=10), remind_of_confirmations),
    Job("tell expiring consents", timedelta(hours=1), tell_expiring_consents),
    Job("erase who is not kept", timedelta(hours=1), erase_who_is_not_kept),
    Job("write archive anew", timedelta(minutes=1), write_erased_months),
    Job("forget held forms", timedelta(minutes=30), forget_held_forms),
    Job("take inbound leads", timedelta(seconds=1), take_inbound_leads),
    Job("forget inbound payloads", timedelta(minutes=30), forget_inbound_payloads),
]


def run_due_jobs(*, at: datetime, real_now: datetime) -> list[str]:
    """Run what is due; returns the names of the jobs that ran."""
    ran = []
    for job in JOBS:
        if take_turn(job.name, job.every, real_now):
            each_in_turn(workspace_ids() if job.per_workspace else [0], partial(_run, job, at))
            ran.append(job.name)
    return ran


def _run(job: Job, at: datetime, workspace_id: int) -> int:
    job.run(workspace_id, at)
    return 1


def take_turn(name: str, every: timedelta, real_now: datetime) -> bool:
    """True for the one worker that gets this turn."""
    taken = fetch_all(load_sql("lib", "take_turn"), {"name": name, "now": real_now, "since": real_now - every})
    return bool(taken)
