"""Working out anew who meets a segment's criteria: everybody is judged in one statement, and differences are written.

A small workspace's segment is built at once. A large one's waits (`wants_build`) for the job of `schedule`; until then
its members stay, and the leads to whom something happens are marked and judged right after. A build's entries and
exits are told to the ledger in chunks. They start no workflow: the definition changed, not the leads.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cultiva.accounts.models import Workspace
from cultiva.criteria.conditions.tag import TAGS
from cultiva.criteria.language import parse
from cultiva.criteria.personas import Persona, reads_with
from cultiva.events.actions import SKEW, record_events
from cultiva.leads.actions import lock_leads
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope
from cultiva.segments.compile import Wanted, judge
from cultiva.segments.models import Segment
from cultiva.segments.refreshing import Move, event_of, refresh_leads
from cultiva.segments.standing import personas_of

SMALL = 20_000  # leads: judging them takes less than people notice
CHUNK = 5000  # moves told, or marked leads judged, in a transaction


@dataclass(frozen=True)
class Built:
    """What a build changed."""

    entered: int
    left: int


def lock(workspace_id: int) -> None:
    """Wait until no refresh is under way, and let none begin until the end of the transaction."""
    execute("SELECT pg_advisory_xact_lock(hashtextextended('segments', %s))", [workspace_id])


def build_now(segment: Segment, at: datetime) -> Built:
    """In the caller's transaction, which holds the lock (or has told everybody by `wants_build`)."""
    execute("SELECT pg_advisory_xact_lock(hashtextextended('segment', %s))", [segment.id])
    while tell(segment):
        pass
    row = _write_everybody(segment, at)
    segment.wants_build, segment.built_at = False, at
    if row["entered"] or row["gone"]:
        segment.tells_at, segment.told_entry, segment.told_exit = at, (row["first_id"] or 2**62) - 1, 0
    segment.save(update_fields=["wants_build", "built_at", "tells_at", "told_entry", "told_exit"])
    return Built(row["entered"], row["gone"])


def _write_everybody(segment: Segment, at: datetime) -> dict[str, Any]:
    """{entered, gone, first_id}. Judged into a table of its own: a statement that writes gets no parallel workers."""
    zone = Workspace.objects.values_list("time_zone", flat=True).get(id=segment.workspace_id)
    wanted = Wanted(segment.id, parse(segment.criteria), segment.takes_only_valid)
    personas = personas_of(segment.workspace_id)
    parameters = {"workspace": segment.workspace_id, "segment": segment.id, "at": at, "until": at + SKEW, "zone": zone}
    with whole_ledger():
        looks_into_lists = TAGS in reads_with(wanted.node, personas).attributes
        _judge_everybody(wanted, zone, personas, parameters, looks_into_lists=looks_into_lists)
    with settings(enable_nestloop="off", enable_mergejoin="off", work_mem="128MB"):
        row = fetch_all(f"WITH {load_sql('segments', 'write_all_members')}", parameters)[0]
    if row["entered"] + row["gone"] > SMALL:
        fetch_all("SELECT analyze_segments()")
    return row


def _judge_everybody(
    wanted: Wanted, zone: str, personas: Mapping[str, Persona], parameters: dict[str, Any], *, looks_into_lists: bool
) -> None:
    """Into the temporary table `judged`. The few leads with a list where a property is asked for are asked by name."""
    judging = judge([wanted], timezone=zone, personas=personas, everybody=True, looks_into_lists=looks_into_lists)
    execute("DROP TABLE IF EXISTS pg_temp.judged")
    execute(
        "CREATE TEMPORARY TABLE judged ON COMMIT DROP AS"  # noqa: S608
        f" WITH {judging.steps} SELECT lead_id, holds, next_at, is_unknown FROM judged",
        judging.parameters | parameters,
    )
    execute("ANALYZE pg_temp.judged")
    unknown = [row["lead_id"] for row in fetch_all(load_sql("segments", "take_unknown"), {"limit": SMALL + 1})]
    if len(unknown) > SMALL:
        _judge_everybody(wanted, zone, personas, parameters, looks_into_lists=True)
    elif unknown:
        named = judge([wanted], timezone=zone, personas=personas)
        execute(
            "INSERT INTO pg_temp.judged"  # noqa: S608
            f" WITH {named.steps} SELECT lead_id, holds, next_at, false FROM judged",
            {**named.parameters, **parameters, "leads": unknown, "asked": ["1"] * len(unknown)},
        )


@contextmanager
def whole_ledger() -> Iterator[None]:
    """For statements that read every event once.

    A merge join would fetch them in the order of visitors, one by one; a nested loop would look up each one's visitor:
    how many events pass a test is not known beforehand. Nor is how many rows parallel workers hand on.
    """
    with settings(
        jit="off", work_mem="128MB", enable_mergejoin="off", enable_nestloop="off", enable_sort="off",
        parallel_tuple_cost="0.01", parallel_setup_cost="100",
    ):  # fmt: skip
        yield


@contextmanager
def settings(**values: str) -> Iterator[None]:
    """Of the planner, for what is done within."""
    before = {name: fetch_all("SELECT current_setting(%s) AS value", [name])[0]["value"] for name in values}
    for name, value in values.items():
        execute("SELECT set_config(%s, %s, true)", [name, value])
    yield
    for name, value in before.items():
        execute("SELECT set_config(%s, %s, true)", [name, value])


def is_small(workspace_id: int) -> bool:
    sql = "SELECT count(*) AS n FROM (SELECT 1 FROM lead_state WHERE workspace_id = %s LIMIT %s) some_leads"
    return bool(fetch_all(sql, [workspace_id, SMALL + 1])[0]["n"] <= SMALL)


def tell(segment: Segment, limit: int = CHUNK) -> int:
    """Record the next entries and exits of a build in the ledger; returns how many. Safe to repeat."""
    if segment.tells_at is None:
        return 0
    parameters = {
        "workspace": segment.workspace_id, "segment": segment.id, "at": segment.tells_at, "limit": limit,
        "told_entry": segment.told_entry, "told_exit": segment.told_exit,
    }  # fmt: skip
    moves = [Move(**row) for row in fetch_all(load_sql("segments", "untold"), parameters)]
    events = [event_of(move, segment.tells_at, cause="definition") for move in moves]
    record_events(workspace_id=segment.workspace_id, events=events, received_at=segment.tells_at, queue=False)
    segment.told_entry = max([segment.told_entry, *(move.id for move in moves if move.is_entry)])
    segment.told_exit = max([segment.told_exit, *(move.id for move in moves if not move.is_entry)])
    if not moves:
        segment.tells_at = None
    segment.save(update_fields=["tells_at", "told_entry", "told_exit"])
    return len(moves)


def go_on(*, workspace_id: int, at: datetime, must_stop: Callable[[], bool] = lambda: False) -> int:
    """Build what waits, from the lowest level up, and tell of it; returns how many pieces of work were done.

    Safe side by side: who comes second leaves a segment to the first.
    """
    done = 0
    while not must_stop():
        worked = _build_next(workspace_id, at) or _tell_next(workspace_id)
        if not worked:
            break
        done += 1
    return done


def _build_next(workspace_id: int, at: datetime) -> bool:
    with workspace_scope(workspace_id):
        if not Segment.objects.filter(workspace_id=workspace_id, wants_build=True).exists():
            return False
        lock(workspace_id)  # whoever began before the segment waited is done now; nobody is kept waiting
    with workspace_scope(workspace_id):
        waiting = Segment.objects.filter(workspace_id=workspace_id, wants_build=True).order_by("level", "id")
        segment = waiting.select_for_update(skip_locked=True, no_key=True).first()
        if segment is None or waiting.filter(level__lt=segment.level).exists():
            return False
        build_now(segment, at)
        return True


def _tell_next(workspace_id: int) -> bool:
    with workspace_scope(workspace_id):
        telling = Segment.objects.filter(workspace_id=workspace_id, tells_at__isnull=False).order_by("id")
        segment = telling.select_for_update(skip_locked=True, no_key=True).first()
        if segment is None:
            return False
        tell(segment)
        return True


def build_all(*, workspace_id: int, at: datetime, progress: Callable[[str], Any] = lambda _: None) -> dict[str, Built]:
    """Every segment anew, {key: what differed}; for a repair, a restore or doubt."""
    keys = Segment.objects.filter(workspace_id=workspace_id).order_by("level", "id")
    with workspace_scope(workspace_id):
        found = list(keys.values_list("id", "key"))
    built = {}
    for segment_id, key in found:
        built[key] = build_one(workspace_id=workspace_id, segment_id=segment_id, at=at)
        progress(f"{key}: {built[key].entered} entered, {built[key].left} left")
    return built


def build_one(*, workspace_id: int, segment_id: int, at: datetime, tells: bool = True) -> Built:
    """One segment anew, at once, whatever its size; the marks that were made meanwhile are judged as well.

    Without `tells` its entries and exits wait for the job.
    """
    with workspace_scope(workspace_id):
        Segment.objects.filter(workspace_id=workspace_id, id=segment_id).update(wants_build=True)
    with workspace_scope(workspace_id):
        lock(workspace_id)
    with workspace_scope(workspace_id):
        segment = Segment.objects.select_for_update(no_key=True).get(workspace_id=workspace_id, id=segment_id)
        built = build_now(segment, at)
    while judge_marked(workspace_id=workspace_id, segment_id=segment_id, at=at):
        pass
    with workspace_scope(workspace_id):
        # Held first, as by whoever tells or builds: two that write the same events would wait for each other.
        segment = Segment.objects.select_for_update(no_key=True).get(workspace_id=workspace_id, id=segment_id)
        while tells and tell(segment):
            pass
    return built


def judge_marked(*, workspace_id: int, segment_id: int, at: datetime) -> int:
    """Leads to whom something happened during a build, a chunk; returns how many."""
    with workspace_scope(workspace_id):
        sql = "SELECT lead_id FROM segment_mark WHERE workspace_id = %s AND segment_id = %s LIMIT %s"
        marked = sorted(row["lead_id"] for row in fetch_all(sql, [workspace_id, segment_id, CHUNK]))
        refresh_and_tell(workspace_id=workspace_id, segment_id=segment_id, lead_ids=marked, at=at)
    return len(marked)


def refresh_and_tell(*, workspace_id: int, segment_id: int, lead_ids: list[int], at: datetime) -> list[Move]:
    """Judge these leads for one segment outside `flow`, which hears of it by the events."""
    held = lock_leads(workspace_id=workspace_id, lead_ids=lead_ids)  # first, as `flow` does
    execute("SELECT pg_advisory_xact_lock_shared(hashtextextended('segments', %s))", [workspace_id])
    moves = refresh_leads(workspace_id=workspace_id, asked={segment_id: held}, at=at) if held else []
    events = [event_of(move, at) for move in moves]
    record_events(workspace_id=workspace_id, events=events, received_at=at)
    return moves
