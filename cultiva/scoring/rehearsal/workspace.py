"""Rehearsals of a workspace's own past: asked for, run by a worker, kept to look at and to share.

The models are asked at each date with the leads, attributes, consents and events of then (criteria.columns), so the
forecast knows nothing of what came later. The report names nobody; who would change band is kept beside it, and goes
with the lead.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext

from cultiva.accounts.actions import record_audit
from cultiva.accounts.models import User, Workspace
from cultiva.criteria.columns import workspace_columns
from cultiva.criteria.offline import Wanted
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError, read_document
from cultiva.lib.refusals import Refusal
from cultiva.scoring.bulk import compile_bulk_model
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import Rehearsal, RehearsalChange
from cultiva.scoring.rehearsal.history import History, read_history
from cultiva.scoring.rehearsal.plan import Plan, check_capacity, make_plan
from cultiva.scoring.rehearsal.report import changes, make_report
from cultiva.segments.standing import personas_of

log = logging.getLogger(__name__)

MOST_MODELS = 5
LEASE = timedelta(minutes=5)  # real time, renewed with each date
KEPT = 200  # rehearsals of a workspace

Json = dict[str, Any]


class Stopped(Exception):
    """Somebody stopped the rehearsal, or took it away."""


def ask_rehearsal(
    *,
    workspace_id: int,
    texts: Sequence[str],
    first: date,
    last: date,
    horizon_days: int,
    goal: str = "",
    capacity: float | None = None,
    name: str = "",
    by: str,
    at: datetime,
) -> Rehearsal:
    """Let a worker rehearse models (YAML or JSON; the first is the one in force) over weekly dates.

    Raises DocumentError of a model that cannot be read, Refusal of a plan that cannot be.
    """
    check_capacity(capacity)
    if not 1 <= len(texts) <= MOST_MODELS:
        raise Refusal(
            gettext("%(count)s models cannot be rehearsed together") % {"count": len(texts)},
            gettext("from 1 to %(limit)s") % {"limit": MOST_MODELS},
        )
    models = [ScoringModel.read(read_document(text, name="model")) for text in texts]
    with workspace_scope(workspace_id):
        zone = models[0].timezone or Workspace.objects.values_list("time_zone", flat=True).get(id=workspace_id)
        plan = make_plan(first=first, last=last, timezone=zone, horizon_days=horizon_days, goal=goal or models[0].goal)
        if plan.dates[-1] > at:
            raise Refusal(
                gettext("the last date, %(date)s, is still to come") % {"date": plan.dates[-1].date()},
                gettext("choose a period of the past"),
            )
        for model in models:
            compile_bulk_model(model, timezone=zone, personas=dict(personas_of(workspace_id)))
        found = Rehearsal.objects.create(
            workspace_id=workspace_id, name=(name or models[-1].name)[:160], texts=list(texts), first=first, last=last,
            horizon_days=horizon_days, goal=plan.goal[:200], capacity=capacity, by=by, asked_at=at,
            dates=len(plan.dates) * len(models),
        )  # fmt: skip
        record_audit(
            workspace_id=workspace_id, actor=by, action="model.rehearse", target=f"rehearsal:{found.id}", at=at
        )
        old = Rehearsal.objects.filter(workspace_id=workspace_id).order_by("-id")[KEPT:]
        RehearsalChange.objects.filter(workspace_id=workspace_id, rehearsal__in=list(old)).delete()
        Rehearsal.objects.filter(workspace_id=workspace_id, id__in=[each.id for each in old]).delete()
        return found


def stop_rehearsal(*, workspace_id: int, rehearsal_id: int) -> bool:
    """Whether it was still going."""
    with workspace_scope(workspace_id):
        going = Rehearsal.objects.filter(workspace_id=workspace_id, id=rehearsal_id, state__in=Rehearsal.GOING)
        return bool(going.update(state=Rehearsal.STOPPED, ended_at=datetime.now(UTC)))


def share_rehearsal(*, workspace_id: int, rehearsal_id: int, until: datetime | None) -> None:
    """Until when whoever has the link may read the report; None: no longer."""
    with workspace_scope(workspace_id):
        Rehearsal.objects.filter(workspace_id=workspace_id, id=rehearsal_id).update(shared_until=until)


def run_next(*, workspace_id: int, at: datetime, real_now: datetime) -> int:
    """Do the rehearsal that waits, or that a worker left when it died; 1 where there was one."""
    with workspace_scope(workspace_id):
        waiting = Rehearsal.objects.select_for_update(skip_locked=True).filter(workspace_id=workspace_id)
        found = waiting.filter(state__in=Rehearsal.GOING).exclude(leased_until__gt=real_now).order_by("id").first()
        if found is None:
            return 0
        found.state, found.leased_until, found.begun_at, found.done = Rehearsal.RUNNING, real_now + LEASE, real_now, 0
        found.save(update_fields=["state", "leased_until", "begun_at", "done"])
    try:
        _run(found, at)
    except Stopped:
        pass
    except Exception as error:
        log.exception("event=scoring.rehearsal_failed workspace=%d rehearsal=%d", workspace_id, found.id)
        said = str(error) if isinstance(error, (Refusal, DocumentError, OSError)) else type(error).__name__
        _end(found, state=Rehearsal.FAILED, problem=said[:1000])
    return 1


def _run(found: Rehearsal, at: datetime) -> None:
    with workspace_scope(found.workspace_id):
        zone = Workspace.objects.values_list("time_zone", flat=True).get(id=found.workspace_id)
        personas = dict(personas_of(found.workspace_id))
        owners = {str(id): name for id, name in User.objects.values_list("id", "full_name")}
    models = [ScoringModel.read(read_document(text, name="model")) for text in found.texts]
    plan = make_plan(
        first=found.first, last=found.last, timezone=models[0].timezone or zone, horizon_days=found.horizon_days,
        goal=found.goal,
    )  # fmt: skip
    rehearsed = []
    for place, (model, text) in enumerate(zip(models, found.texts, strict=True)):
        tell = _teller(found, before=place * len(plan.dates))
        rehearsed.append((model, text, _history(found, model, plan, at, tell, personas, owners)))
    report = make_report(plan, rehearsed, name=found.name, capacity=found.capacity)
    with workspace_scope(found.workspace_id):
        RehearsalChange.objects.filter(workspace_id=found.workspace_id, rehearsal=found).delete()
    for place, (_, _, history) in enumerate(rehearsed):
        named = changes(rehearsed[0][2], history)
        report["models"][place]["against_first"].pop("leads")
        with workspace_scope(found.workspace_id):
            RehearsalChange.objects.bulk_create(
                [
                    RehearsalChange(
                        workspace_id=found.workspace_id, rehearsal=found, place=place, lead_id=each["lead_id"],
                        from_band=each["from"], to_band=each["to"], total_before=each["total_before"],
                        total_after=each["total_after"],
                    )
                    for each in named["leads"]
                ]
            )  # fmt: skip
    _end(found, state=Rehearsal.DONE, report=report)


def _history(
    found: Rehearsal,
    model: ScoringModel,
    plan: Plan,
    at: datetime,
    tell: Callable[[int], object],
    personas: Any,
    owners: Json,
) -> History:
    compiled = compile_bulk_model(model, timezone=plan.timezone, personas=personas)
    wanted = Wanted(compiled.attributes, compiled.properties, compiled.events | {plan.goal})
    until = min(plan.until, at)
    with workspace_columns(workspace_id=found.workspace_id, wanted=wanted, since=plan.dates[0], until=until) as columns:
        engine = columns.connection
        engine.execute("CREATE TABLE seller (owner TEXT, name TEXT)")
        if owners:
            engine.execute("INSERT INTO seller SELECT unnest($1), unnest($2)", [list(owners), list(owners.values())])
        people = (
            "SELECT p.lead_id, p.created_at, coalesce(s.name, '') AS owner"
            " FROM person p LEFT JOIN seller s ON s.owner = p.owner"
        )
        return read_history(engine, model, compiled, plan, people=people, stand_at=columns.stand_at, tell=tell)


def _teller(found: Rehearsal, *, before: int) -> Callable[[int], None]:
    def tell(done: int) -> None:
        with workspace_scope(found.workspace_id):
            mine = Rehearsal.objects.filter(
                workspace_id=found.workspace_id, id=found.id, state=Rehearsal.RUNNING, begun_at=found.begun_at
            )
            if not mine.update(done=before + done, leased_until=datetime.now(UTC) + LEASE):
                raise Stopped

    return tell


def _end(found: Rehearsal, **values: Any) -> None:
    with workspace_scope(found.workspace_id):
        mine = Rehearsal.objects.filter(
            workspace_id=found.workspace_id, id=found.id, state=Rehearsal.RUNNING, begun_at=found.begun_at
        )
        mine.update(ended_at=datetime.now(UTC), leased_until=None, **values)


def left_of(found: Rehearsal, real_now: datetime) -> timedelta | None:
    """How long it still takes, by how long it took so far; None before the first date is done."""
    if not found.done or found.begun_at is None:
        return None
    return (real_now - found.begun_at) * (found.dates - found.done) / found.done
