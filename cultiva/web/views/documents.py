"""Models and workflows as pages to read."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from cultiva.accounts.models import Document
from cultiva.lifecycle.models import LifecycleVersion
from cultiva.nurture.actions import count_workflows
from cultiva.nurture.models import WorkflowVersion
from cultiva.scoring.models import ModelVersion
from cultiva.web.diagram import draw
from cultiva.web.document_facts import model_facts, workflow_boxes
from cultiva.web.staff import StaffRequest, staff_screen


@staff_screen()
def models(request: StaffRequest) -> HttpResponse:
    found = list(ModelVersion.currents(request.staff.workspace.id))
    rows = [{"model": model, "rules": len(model.body.get("rules", []))} for model in found]
    lifecycles = list(LifecycleVersion.currents(request.staff.workspace.id))
    context = {"page_title": _("Scoring models"), "rows": rows, "lifecycles": lifecycles, "now": request.staff.at}
    return render(request, "web/models.html", context)


@staff_screen()
def model(request: StaffRequest, key: str) -> HttpResponse:
    found = current_or_404(ModelVersion, request, key)
    context = {"page_title": found.name, "model": found, "facts": model_facts(found)}
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
