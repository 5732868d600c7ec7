"""The scores on a lead's profile: why, what comes, what would help, and how they were."""

from datetime import date, datetime, time
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cultiva.events.verdicts import mark_machine
from cultiva.leads.history import is_event_of
from cultiva.leads.models import Lead
from cultiva.scoring.actions import primary_model
from cultiva.scoring.explanation import Explanation
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion
from cultiva.scoring.outlook import Outlook, explain_fully
from cultiva.scoring.reasons import reasons_of, said_changes, said_proposals, what_of
from cultiva.web.charts import score_line
from cultiva.web.staff import EVERYDAY, StaffRequest, staff_screen
from cultiva.web.templatetags.ui import amount
from cultiva.web.words import temperature_words


def models_of(workspace_id: int) -> list[ModelVersion]:
    """Those in force, the primary one first."""
    primary = primary_model(workspace_id)
    return sorted(ModelVersion.currents(workspace_id), key=lambda model: (model != primary, model.key))


@require_POST
@staff_screen(posts=EVERYDAY)
def mark(request: StaffRequest, lead_id: int, event_id: int) -> HttpResponse:
    """A machine did it, or a person after all."""
    staff, is_machine = request.staff, bool(request.POST.get("machine"))
    if not is_event_of(workspace_id=staff.workspace.id, lead_id=lead_id, event_id=event_id):
        raise Http404
    mark_machine(
        workspace_id=staff.workspace.id, lead_id=lead_id, event_id=event_id, is_machine=is_machine, by=staff.actor,
        at=staff.at,
    )  # fmt: skip
    said = _("It counts no more: a machine did it.") if is_machine else _("It counts again: a person did it.")
    messages.success(request, said)
    return redirect("web:lead", lead_id=lead_id)


def score_card(lead: Lead, version: ModelVersion, at: datetime) -> dict[str, Any]:
    """The score under a model as of `at`: {model, reasons, ..}; reasons are None where there was none, not 0."""
    full = explain_fully(workspace_id=lead.workspace_id, lead_id=lead.id, model=version, at=at)
    if full is None:
        return {"model": version, "reasons": None}
    found, outlook = full
    model = ScoringModel.read(version.body)
    limits = {d.name: (d.bounds.min or 0.0, d.bounds.max or 100.0) for d in model.dimensions}
    return {
        "model": version,
        "temperature": found.temperature,
        "grade": found.grade,
        "reasons": reasons_of(found, limits),
        "changes": said_changes(outlook),
        "band": temperature_words().get(outlook.band, ""),
        "limit": outlook.limit,
        "proposals": said_proposals(found, outlook),
        "history": score_history(found, outlook, model),
    }


def score_history(found: Explanation, outlook: Outlook, model: ScoringModel) -> dict[str, Any]:
    """{chart, caption, headings, rows}: the score over time with the events that count; rows newest first."""
    points = [(at, total) for at, total in outlook.history if total is not None]
    events: dict[datetime, list[str]] = {}
    for event in {event.id: event for rule in found.rules for event in rule.events}.values():
        if points and event.occurred_at >= points[0][0]:
            events.setdefault(event.occurred_at, []).append(what_of(event.name, event.properties))
    limits = model.temperature
    words = temperature_words()
    bands = [(limits.warm, words["warm"]), (limits.hot, words["hot"])] if limits else []
    marks = [(at, ", ".join(sorted(what))) for at, what in sorted(events.items())]
    told = dict(marks)
    return {
        "chart": score_line(points, bands=bands, events=marks),
        "caption": _("The score over time"),
        "headings": [_("When"), _("Score"), _("What happened")],
        "rows": [
            [date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT"), amount(round(total, 1)), told.get(at, "")]
            for at, total in reversed(points)
        ],
    }


def instant_asked(request: StaffRequest) -> datetime:
    """The end of the day that the date picker asks for; now without one, for today, and for what is no past day."""
    try:
        day = date.fromisoformat(request.GET.get("on", ""))
        end = timezone.make_aware(datetime.combine(day, time.max))
    except (ValueError, OverflowError):
        return request.staff.at
    return min(end, request.staff.at)
