"""How long people are kept, and the record of what is done with their data."""

from dataclasses import asdict

from django import forms
from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from cultiva.accounts.actions import record_audit
from cultiva.consent.renewing import unconfirmed_leads
from cultiva.consent.rules import ERASE_AFTER, publish_rules, rules_of, with_changes
from cultiva.leads.models import Lead
from cultiva.privacy.processing import processing_record
from cultiva.privacy.retention import erased_unasked, inactive_leads
from cultiva.web.staff import MAY_ANSWER, StaffRequest, staff_screen
from cultiva.web.words import attribute_label


class UnconfirmedForm(forms.Form):
    unconfirmed_days = forms.IntegerField(
        label=gettext_lazy("Days"), min_value=ERASE_AFTER["unconfirmed_days"][0],
        max_value=ERASE_AFTER["unconfirmed_days"][1],
    )  # fmt: skip


class InactiveForm(forms.Form):
    inactive_months = forms.IntegerField(
        label=gettext_lazy("Months"), min_value=ERASE_AFTER["inactive_months"][0],
        max_value=ERASE_AFTER["inactive_months"][1],
    )  # fmt: skip


@staff_screen(posts=MAY_ANSWER)
def retention(request: StaffRequest) -> HttpResponse:
    """Who is erased unasked: counted first, switched on by a person."""
    staff = request.staff
    workspace_id = staff.workspace.id
    rules = rules_of(workspace_id)
    what = request.POST.get("what", "")
    unconfirmed = UnconfirmedForm(
        request.POST if what == "unconfirmed" else None, initial={"unconfirmed_days": rules.unconfirmed_days}
    )
    months = request.POST if what == "inactive" else request.GET if "inactive_months" in request.GET else None
    inactive = InactiveForm(months, initial={"inactive_months": rules.inactive_months or 36})
    if what == "unconfirmed" and unconfirmed.is_valid():
        return _set(request, unconfirmed_days=unconfirmed.cleaned_data["unconfirmed_days"])
    if what == "inactive" and inactive.is_valid():
        return _set(request, inactive_months=inactive.cleaned_data["inactive_months"])
    if what == "keep":
        return _set(request, inactive_months=None)
    counted = inactive.cleaned_data["inactive_months"] if months is not None and inactive.is_valid() else None
    shown = counted or rules.inactive_months
    erased, last = erased_unasked(workspace_id)
    context = {
        "page_title": _("How long people are kept"),
        "unconfirmed": unconfirmed,
        "unconfirmed_count": len(unconfirmed_leads(workspace_id=workspace_id, at=staff.at)),
        "inactive": inactive,
        "rules": rules,
        "counted": counted,
        "inactive_count": len(inactive_leads(workspace_id=workspace_id, months=shown, at=staff.at)) if shown else 0,
        "all": Lead.objects.filter(workspace_id=workspace_id, merged_into=None).count(),
        "erased": erased,
        "last": last,
        "may_change": staff.role in MAY_ANSWER,
        "now": staff.at,
    }
    return render(request, "web/retention.html", context, status=422 if request.method == "POST" else 200)


def _set(request: StaffRequest, **changes: int | None) -> HttpResponse:
    staff = request.staff
    rules = rules_of(staff.workspace.id)
    now = {"unconfirmed_days": rules.unconfirmed_days, "inactive_months": rules.inactive_months} | changes
    text = with_changes(staff.workspace.id, erase_after={name: figure for name, figure in now.items() if figure})
    publish_rules(workspace_id=staff.workspace.id, text=text, at=staff.at)
    record_audit(
        workspace_id=staff.workspace.id, actor=staff.actor, action="retention.changed", target="workspace", at=staff.at,
        detail=changes,
    )  # fmt: skip
    months = now["inactive_months"]
    messages.success(
        request,
        ngettext(
            "Who does nothing for %(count)d month is erased from now on.",
            "Who does nothing for %(count)d months is erased from now on.",
            months,
        ) % {"count": months} if months and "inactive_months" in changes
        else _("Saved."),
    )  # fmt: skip
    return redirect("web:retention")


@require_safe
@staff_screen()
def record(request: StaffRequest) -> HttpResponse:
    """What is done with data of people, to be shown to the authority."""
    staff = request.staff
    found = processing_record(workspace_id=staff.workspace.id, at=staff.at, label=attribute_label)
    if request.GET.get("as") == "json":
        answer = JsonResponse(asdict(found), json_dumps_params={"ensure_ascii": False, "indent": 2})
        name = f"processing-{staff.workspace.slug}.json"
        answer["Content-Disposition"] = content_disposition_header(True, name) or ""
        return answer
    context = {"page_title": _("Record of processing activities"), "record": found}
    return render(request, "web/processing_record.html", context)
