"""Everybody's scores under a version that was just published.

They are worked out beside the old ones, on the columnar engine, and take their place in one transaction: until then
readers, and `flow`, know the version before. Who does something meanwhile
is scored once more right after. Whoever is killed begins anew; nothing half done is seen.

Bands that are crossed because the version changed are told to the ledger. They hand nobody over and start no
workflow, unless the author wants that: no lead did anything.
"""

# ruff: noqa: S608 (statements are made of our own names; values are bound)

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import OperationalError, connection

from cultiva.criteria.columns import workspace_columns
from cultiva.criteria.offline import Wanted
from cultiva.events.actions import SKEW, record_events
from cultiva.leads.actions import lock_leads
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope
from cultiva.scoring.bulk import BulkModel, compile_bulk_model
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion, Rescoring, Score
from cultiva.scoring.writing import band_events, primary_model, work_out, write_scores
from cultiva.segments.actions import build_readers
from cultiva.segments.standing import personas_of

log = logging.getLogger(__name__)

SMALL = 2_000  # leads: scoring them takes less than people notice
CHUNK = 20_000  # leads a statement
TRIES = 3  # of a swap that waited for the same leads as somebody else
INPUTS = frozenset({"score", "temperature"})  # what segments may read of it
COMPUTED = """computed AS (
  SELECT c.lead_id, c.total, c.dimensions, c.grade, NULL::float8[] AS points, c.next_change_at
    FROM pg_temp.scored c
    JOIN consent_mark m ON m.workspace_id = %(workspace)s AND m.lead_id = c.lead_id
   WHERE c.lead_id = ANY (%(leads)s::bigint[])
     AND m.valid_since IS NOT NULL AND m.profiled_since IS NOT NULL AND m.objected_at IS NULL)"""


def begin(version: ModelVersion, *, before: ModelVersion | None, acts_on_bands: bool, at: datetime) -> None:
    """In the transaction that publishes. A small workspace's leads are scored at once, a large one's by the job."""
    supersede(workspace_id=version.workspace_id, key=version.key)
    leads = _concerned(version, limit=SMALL + 1)
    if not leads:
        return
    is_small = len(leads) <= SMALL
    rescoring = Rescoring.objects.create(
        workspace_id=version.workspace_id, model=version, acts_on_bands=acts_on_bands, asked_at=at,
        holds_back=not is_small and before is not None,
    )  # fmt: skip
    if is_small:
        rescoring.begun_at = datetime.now(UTC)
        _swap(rescoring, None, at=at)


def supersede(*, workspace_id: int, key: str) -> None:
    """What still waits of a model is not done: another version takes its place, or none."""
    waiting = Rescoring.objects.filter(workspace_id=workspace_id, model__key=key, state=Rescoring.WAITING)
    waiting.update(state=Rescoring.SUPERSEDED)


def waiting_version(workspace_id: int, key: str) -> ModelVersion | None:
    """The version of a model that is published and not in force yet."""
    waiting = Rescoring.objects.filter(workspace_id=workspace_id, model__key=key, state=Rescoring.WAITING)
    found = waiting.filter(holds_back=True).select_related("model").order_by("-model_id").first()
    return found.model if found else None


def go_on(*, workspace_id: int, at: datetime) -> int:
    """Work out what waits; returns how many were done. Side by side, one worker does it."""
    done = 0
    while rescoring := _next(workspace_id):
        with _alone(rescoring) as is_mine:
            if not is_mine:
                break
            try:
                _work_out(rescoring, at)
            except Exception as error:  # the version before stays in force; publishing again tries again
                log.exception("scoring everybody under %s failed", rescoring.model)
                _note(rescoring, state=Rescoring.FAILED, problem=_said(error), ended_at=datetime.now(UTC))
            done += 1
    return done


def _said(error: Exception) -> str:
    """Without the words of an engine, which may hold people's values."""
    return f"{type(error).__name__}: {error}"[:1000] if isinstance(error, OSError) else type(error).__name__


def _next(workspace_id: int) -> Rescoring | None:
    with workspace_scope(workspace_id):
        waiting = Rescoring.objects.filter(workspace_id=workspace_id, state=Rescoring.WAITING)
        return waiting.select_related("model__workspace").order_by("model_id").first()


@contextmanager
def _alone(rescoring: Rescoring) -> Iterator[bool]:
    """The lock is the connection's: it ends with a worker that is killed."""
    key = [f"rescoring {rescoring.model_id}"]
    is_mine = fetch_all("SELECT pg_try_advisory_lock(hashtextextended(%s, 0)) AS held", key)[0]["held"]
    try:
        yield is_mine
    finally:
        if is_mine:
            fetch_all("SELECT pg_advisory_unlock(hashtextextended(%s, 0)) AS held", key)


def _work_out(rescoring: Rescoring, at: datetime) -> None:
    version = rescoring.model
    _note(rescoring, stage="reading", begun_at=datetime.now(UTC))
    with tempfile.TemporaryDirectory(prefix="cultiva-scores-") as folder:
        scored = _score_all(rescoring, version, at, Path(folder) / "scored.csv")
        _note(rescoring, stage="writing")
        for tries_left in reversed(range(TRIES)):
            try:
                with workspace_scope(version.workspace_id):
                    _swap(rescoring, scored, at=at)
                return
            except OperationalError:  # a deadlock: others go first
                if not tries_left:
                    raise


def _note(rescoring: Rescoring, **values: Any) -> None:
    with workspace_scope(rescoring.workspace_id):
        Rescoring.objects.filter(workspace_id=rescoring.workspace_id, model=rescoring.model_id).update(**values)
    for name, value in values.items():
        setattr(rescoring, name, value)


def _score_all(rescoring: Rescoring, version: ModelVersion, at: datetime, path: Path) -> Path:
    """Every score as of `at`, as CSV."""
    with workspace_scope(version.workspace_id):
        zone, personas = version.workspace.time_zone, dict(personas_of(version.workspace_id))
    compiled = compile_bulk_model(ScoringModel.read(version.body), timezone=zone, personas=personas)
    wanted = Wanted(compiled.attributes, compiled.properties, compiled.events)
    with workspace_columns(workspace_id=version.workspace_id, wanted=wanted, until=at + SKEW) as columns:
        columns.stand_at(at + SKEW)  # who may be profiled now
        _note(rescoring, stage="scoring")
        _write(columns.connection, compiled, at, path)
    return path


def _write(engine: Any, compiled: BulkModel, at: datetime, path: Path) -> None:
    """What happened a moment after `at` counts when its moment comes."""
    engine.execute(f"CREATE TABLE scored AS {compiled.standing.sql}", compiled.standing.bound(at))
    upcoming = "SELECT lead_id, min(occurred_at) AS at FROM event WHERE occurred_at > $at GROUP BY lead_id"
    engine.execute(
        f"COPY (SELECT s.lead_id, s.total, s.dimensions, s.grade, least(s.next_change_at, u.at) FROM scored s"
        f" LEFT JOIN ({upcoming}) u USING (lead_id)) TO '{path}' (FORMAT csv, HEADER false, NULLSTR '\\N')",
        {"at": at},
    )


def _swap(rescoring: Rescoring, scored: Path | None, *, at: datetime) -> None:
    """The new scores take the place of the old ones, for everybody in one transaction (the caller's).

    `scored`: as of `at`; None: a few leads, who are scored now.
    """
    held = Rescoring.objects.select_for_update().get(workspace_id=rescoring.workspace_id, model=rescoring.model_id)
    if held.state != Rescoring.WAITING:  # another version was published meanwhile
        return
    version = rescoring.model
    if scored:
        _take_in(scored)
    leads = lock_leads(workspace_id=version.workspace_id, lead_ids=_concerned(version))
    Rescoring.objects.filter(workspace_id=version.workspace_id, model=version).update(holds_back=False)
    primary, model = primary_model(version.workspace_id), ScoringModel.read(version.body)

    def write(lead_ids: Sequence[int]) -> list[dict[str, Any]]:
        if scored is None:
            return work_out(version, lead_ids, at=at, is_primary=version == primary)
        return write_scores(
            version, model, COMPUTED, {}, lead_ids=lead_ids, at=at, is_primary=version == primary, looks_back=False
        )

    later = _touched_since(version, at) if scored else set()
    changed = _write_all(version, [each for each in leads if each not in later], write, rescoring.acts_on_bands, at)
    if later:  # `flow` scores them now
        Score.objects.filter(workspace_id=version.workspace_id, lead_id__in=later).update(next_change_at=at)
    build_readers(workspace_id=version.workspace_id, inputs=INPUTS)
    values = {"state": Rescoring.DONE, "stage": "", "leads": len(leads), "changed": changed,
              "begun_at": rescoring.begun_at, "ended_at": datetime.now(UTC)}  # fmt: skip
    Rescoring.objects.filter(workspace_id=version.workspace_id, model=version).update(**values)


def _write_all(
    version: ModelVersion,
    leads: Sequence[int],
    write: Callable[[Sequence[int]], list[dict[str, Any]]],
    acts_on_bands: bool,
    at: datetime,
) -> int:
    """Returns how many crossed a band."""
    changed = 0
    for start in range(0, len(leads), CHUNK):
        rows = write(leads[start : start + CHUNK])
        changed += len(rows)
        events = [event for row in rows for event in band_events(row, version, at, cause="version")]
        record_events(workspace_id=version.workspace_id, events=events, received_at=at, queue=acts_on_bands)
    return changed


def _take_in(scored: Path) -> None:
    execute("DROP TABLE IF EXISTS pg_temp.scored")
    execute(
        "CREATE TEMPORARY TABLE scored (lead_id bigint PRIMARY KEY, total float8, dimensions jsonb, grade text,"
        " next_change_at timestamptz) ON COMMIT DROP"
    )
    into = "COPY pg_temp.scored FROM STDIN (FORMAT csv, NULL '\\N')"
    with scored.open("rb") as file, connection.cursor() as cursor, cursor.cursor.copy(into) as copy:
        while data := file.read(1 << 20):
            copy.write(data)
    execute("ANALYZE pg_temp.scored")


def _concerned(version: ModelVersion, limit: int | None = None) -> list[int]:
    """Who may be profiled, and who has a score under an earlier version."""
    parameters = {"workspace": version.workspace_id, "key": version.key, "limit": limit}
    return [row["lead_id"] for row in fetch_all(load_sql("scoring", "leads_concerned"), parameters)]


def _touched_since(version: ModelVersion, at: datetime) -> set[int]:
    """Whom `flow` scored, under any model, after `at`."""
    found = Score.objects.filter(workspace_id=version.workspace_id, at__gt=at)
    return set(found.values_list("lead_id", flat=True))


def left_of(rescoring: Rescoring, real_now: datetime) -> timedelta | None:
    """How long it still takes, by how long that many leads took last time; None where nobody knows."""
    last = (
        Rescoring.objects.filter(workspace_id=rescoring.workspace_id, state=Rescoring.DONE, begun_at__isnull=False)
        .exclude(leads=0)
        .order_by("-ended_at")
        .first()
    )
    if last is None or last.begun_at is None or last.ended_at is None or rescoring.begun_at is None:
        return None
    return max(last.ended_at - last.begun_at - (real_now - rescoring.begun_at), timedelta(0))
