"""Models and workflows as pages to read."""

from datetime import UTC, datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from cultiva.accounts.models import Document
from cultiva.lifecycle.models import LifecycleVersion
from cultiva.nurture.actions import count_workflows
from cultiva.nurture.models import WorkflowVersion
from cultiva.scoring.actions import primary_model
from cultiva.scoring.models import ModelVersion, Rescoring
from cultiva.scoring.rescoring import left_of
from cultiva.web.diagram import draw
from cultiva.web.document_facts import model_facts, workflow_boxes
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.views.personas import MAY_CHANGE


@staff_screen()
def models(request: StaffRequest) -> HttpResponse:
    found = list(ModelVersion.currents(request.staff.workspace.id))
    primary = primary_model(request.staff.workspace.id)
    rows = [
        {"model": model, "rules": len(model.body.get("rules", [])), "is_primary": model == primary} for model in found
    ]
    lifecycles = list(LifecycleVersion.currents(request.staff.workspace.id))
    context = {
        "page_title": _("Scoring models"),
        "rows": rows,
        "lifecycles": lifecycles,
        "now": request.staff.at,
        "may_change": request.staff.role in MAY_CHANGE,
        "comings": [_coming(each) for each in _coming_into_force(request.staff.workspace.id)],
    }
    return render(request, "web/models.html", context)


def _coming_into_force(workspace_id: int) -> QuerySet[Rescoring]:
    """Versions under which everybody is being scored, or was not: the last of each model."""
    going = Rescoring.objects.filter(workspace_id=workspace_id, state__in=(Rescoring.WAITING, Rescoring.FAILED))
    newer = ModelVersion.objects.filter(
        workspace_id=workspace_id, key=OuterRef("model__key"), version__gt=OuterRef("model__version")
    )
    return going.exclude(Exists(newer)).select_related("model").order_by("model__key")


def _coming(found: Rescoring) -> dict[str, Any]:
    stages = {"reading": _("reading leads and events"), "scoring": _("scoring"), "writing": _("writing the scores")}
    return {
        "model": found.model,
        "has_failed": found.state == Rescoring.FAILED,
        "problem": found.problem,
        "stage": stages.get(found.stage, _("waiting for a worker")),
        "left": left_of(found, datetime.now(UTC)),
    }


@staff_screen()
def model(request: StaffRequest, key: str) -> HttpResponse:
    found = current_or_404(ModelVersion, request, key)
    may_change = request.staff.role in MAY_CHANGE
    context = {
        "page_title": found.name,
        "model": found,
        "facts": model_facts(found),
        "may_change": may_change,
        "is_primary": found == primary_model(found.workspace_id),
    }
    return render(request, "web/model.html", context)


@staff_screen()
def workflows(request: StaffRequest) -> HttpResponse:
    context = {"page_title": _("Workflows"), "rows": count_workflows(request.staff.workspace.id)}
    return render(request, "web/workflows.html", context)


@staff_screen()
def workflow(request: StaffRequest, key: str) -> HttpResponse:
    found = current_or_404(WorkflowVersion, request, key)
    counts = next(each for each in count_workflows(found.workspace_id) if each.version.id == found.id)
    boxes = workflow_boxes(found, counts)
    context = {
        "page_title": found.name,
        "workflow": found,
        "counts": counts,
        "picture": draw(boxes, found.body["start"]),
        "boxes": boxes.values(),
    }
    return render(request, "web/workflow.html", context)


def current_or_404(kind: type[Document], request: StaffRequest, key: str) -> Any:
    found = kind.current(request.staff.workspace.id, key)
    if found is None:
        raise Http404
    return found
