"""Leads that wait for a seller."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from cultiva.sales.actions import HandOverError, Waiting, accept_hand_over, reject_hand_over, waiting
from cultiva.sales.models import HandOver
from cultiva.scoring.actions import primary_model
from cultiva.scoring.causes import why_so_warm
from cultiva.web.staff import EVERYDAY, StaffRequest, staff_screen


class RejectForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        label=gettext_lazy("Why it is not ready"),
        error_messages={"required": gettext_lazy("Say why, so that marketing can learn from it.")},
    )


@staff_screen()
def hand_overs(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    recent = (
        HandOver.objects.filter(workspace_id=staff.workspace.id)
        .exclude(accepted_at=None, rejected_at=None)
        .select_related("lead", "answered_by")
        .order_by("-id")[:20]
    )
    context = {
        "page_title": _("Hand-overs"),
        "now": staff.at,
        "waiting": _with_reasons(staff.workspace.id, waiting(staff.workspace.id, staff.at)),
        "recent": recent,
        "may_act": staff.role in EVERYDAY,
    }
    return render(request, "web/hand_overs.html", context)


def _with_reasons(workspace_id: int, found: Sequence[Waiting]) -> list[dict[str, Any]]:
    """The fields of each, and `why` the lead is as warm as they are, in words."""
    primary = primary_model(workspace_id)
    leads = [each.lead.id for each in found]
    why = why_so_warm(workspace_id=workspace_id, model=primary.key, lead_ids=leads) if primary else {}
    return [vars(each) | {"why": why.get(each.lead.id, [])} for each in found]


@require_POST
@staff_screen(posts=EVERYDAY)
def accept(request: StaffRequest, hand_over_id: int) -> HttpResponse:
    hand_over = find(request, hand_over_id)
    try:
        accept_hand_over(
            workspace_id=hand_over.workspace_id, hand_over_id=hand_over.id, by=request.staff.user,
            at=request.staff.at,
        )  # fmt: skip
        messages.success(request, _("The lead is yours. Good luck!"))
    except HandOverError:
        messages.error(request, _("Someone has already answered this hand-over."))
    return redirect("web:lead", lead_id=hand_over.lead_id)


@require_POST
@staff_screen(posts=EVERYDAY)
def reject(request: StaffRequest, hand_over_id: int) -> HttpResponse:
    hand_over, form = find(request, hand_over_id), RejectForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say why, so that marketing can learn from it."))
        return redirect("web:lead", lead_id=hand_over.lead_id)
    try:
        reject_hand_over(
            workspace_id=hand_over.workspace_id, hand_over_id=hand_over.id, by=request.staff.user,
            reason=form.cleaned_data["reason"], at=request.staff.at,
        )  # fmt: skip
        messages.success(request, _("The lead goes back to nurturing, with your reason."))
    except HandOverError:
        messages.error(request, _("Someone has already answered this hand-over."))
    return redirect("web:lead", lead_id=hand_over.lead_id)


def find(request: StaffRequest, hand_over_id: int) -> HandOver:
    found = HandOver.objects.filter(workspace_id=request.staff.workspace.id, id=hand_over_id).first()
    if found is None:
        raise Http404
    return found
