"""Making one lead of two: choosing the other, seeing what would come out, and taking it back."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from cultiva.leads.lists import LeadFilter, list_leads
from cultiva.leads.merging import (
    Line,
    Merge,
    MergeRefused,
    Preview,
    UndoRefused,
    merge_leads,
    merges_of,
    preview_merge,
    undo_merge,
)
from cultiva.leads.models import Lead
from cultiva.web.staff import EVERYDAY, StaffRequest, not_your_role, staff_screen
from cultiva.web.views.leads import name_row, person
from cultiva.web.words import attribute_label, stage_labels

AREAS = {
    "identifier": gettext_lazy("Known by"),
    "attribute": gettext_lazy("What they told"),
    "state": gettext_lazy("Where they stand"),
    "consent": gettext_lazy("Consent"),
    "history": gettext_lazy("History"),
}
FOUND = 20  # leads offered at once


class SearchForm(forms.Form):
    search = forms.CharField(
        required=False, max_length=100, label=gettext_lazy("The other record of the same person"),
        widget=forms.TextInput({"placeholder": gettext_lazy("Name, company or e-mail"), "type": "search"}),
    )  # fmt: skip


@staff_screen()
def choose(request: StaffRequest, lead_id: int) -> HttpResponse:
    """Search the lead that is to be merged into this one."""
    staff = request.staff
    if staff.role not in EVERYDAY:
        return not_your_role(request)
    lead = find_lead(request, lead_id)
    if lead.merged_into_id is not None:
        return redirect("web:lead", lead_id=lead.id)
    form = SearchForm(request.GET)
    words = form.cleaned_data["search"] if form.is_valid() else ""
    rows: list[dict[str, Any]] = []
    if words:
        page = list_leads(workspace_id=staff.workspace.id, wanted=LeadFilter(search=words), limit=FOUND + 1)
        rows = [row for row in page.rows if row["id"] != lead.id][:FOUND]
    labels = stage_labels(staff.workspace.id)
    for row in rows:
        name_row(row, sees_personal_data=staff.sees_personal_data)
        row["stage_label"] = labels.get(row["stage"], row["stage"])
    context = {
        "page_title": _("Merge %(name)s with …") % {"name": lead.full_name},
        "lead": lead, "form": form, "rows": rows, "words": words,
    }  # fmt: skip
    is_part = request.headers.get("HX-Request") and request.headers.get("HX-Target", "").endswith("merge-rows")
    return render(request, "web/_merge_rows.html" if is_part else "web/merge_choose.html", context)


@staff_screen(posts=EVERYDAY)
def merge(request: StaffRequest, kept_id: int, merged_id: int) -> HttpResponse:
    """What would come out, line by line; and, posted, the merge."""
    staff = request.staff
    if staff.role not in EVERYDAY:
        return not_your_role(request)
    if request.method == "POST":
        try:
            done = merge_leads(
                workspace_id=staff.workspace.id, kept_id=kept_id, merged_id=merged_id, at=staff.at, by=staff.actor,
                force=request.POST.get("insist") == "on",
            )  # fmt: skip
        except MergeRefused as refused:
            messages.error(request, " ".join(refusal_words(reason) for reason in refused.reasons))
            return redirect("web:merge", kept_id=kept_id, merged_id=merged_id)
        return redirect("web:merged", merge_id=done.id)
    preview = preview_merge(workspace_id=staff.workspace.id, kept_id=kept_id, merged_id=merged_id, at=staff.at)
    if preview.kept is None or preview.merged is None:
        raise Http404
    context = {
        "page_title": _("Merge two leads"),
        "preview": preview,
        "areas": areas_of(preview, stage_labels(staff.workspace.id)),
        "refusals": [refusal_words(reason) for reason in preview.reasons],
    }
    return render(request, "web/merge.html", context)


@staff_screen()
def merged(request: StaffRequest, merge_id: int) -> HttpResponse:
    """A merge that was made: who, when, and the way back."""
    staff = request.staff
    if staff.role not in EVERYDAY:
        return not_your_role(request)
    found = Merge.objects.filter(workspace_id=staff.workspace.id, id=merge_id).select_related("kept", "merged").first()
    if found is None:
        raise Http404
    newest = merges_of(workspace_id=staff.workspace.id, lead_id=found.kept_id)[:1]
    context = {
        "page_title": _("A merge"),
        "merge": found,
        "by": person(found.by),
        "undone_by": person(found.undone_by),
        "may_undo": found.undone_at is None and found.kept.merged_into_id is None and newest[:1] == [found],
        "now": staff.at,
    }
    return render(request, "web/merged.html", context)


@require_POST
@staff_screen(posts=EVERYDAY)
def undo(request: StaffRequest, merge_id: int) -> HttpResponse:
    staff = request.staff
    found = Merge.objects.filter(workspace_id=staff.workspace.id, id=merge_id).first()
    if found is None:
        raise Http404
    try:
        undo_merge(workspace_id=staff.workspace.id, merge_id=merge_id, at=staff.at, by=staff.actor)
        messages.success(request, _("They are two leads again."))
    except UndoRefused as refused:
        messages.error(request, undo_words(refused.reason))
        return redirect("web:merged", merge_id=refused.merge.id if refused.merge else merge_id)
    return redirect("web:lead", lead_id=found.kept_id)


def areas_of(preview: Preview, words: dict[str, str]) -> list[tuple[Any, list[dict[str, Any]]]]:
    """[(heading, lines)] in the order of AREAS; the empty ones are left out."""
    found: dict[str, list[dict[str, Any]]] = {area: [] for area in AREAS}
    for line in preview.lines:
        found[line.area].append(_shown(line, words))
    return [(AREAS[area], lines) for area, lines in found.items() if lines]


def _shown(line: Line, words: dict[str, str]) -> dict[str, Any]:
    kept, other, result = (_text(value, words if line.area == "state" else {}) for value in line.values)
    label = attribute_label(str(line.label)) if line.area == "attribute" else line.label
    return {
        "label": label, "kept": kept, "merged": other, "result": result, "why": line.why,
        "is_warning": line.is_warning, "differs": kept != other,
    }  # fmt: skip


def _text(value: Any, words: dict[str, str]) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(str(each) for each in value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return words.get(str(value), str(value)) if value not in (None, "") else ""


def find_lead(request: StaffRequest, lead_id: int) -> Lead:
    found = Lead.objects.filter(workspace_id=request.staff.workspace.id, id=lead_id).first()
    if found is None:
        raise Http404
    return found


def refusal_words(reason: str) -> str:
    return {
        "same_lead": _("A lead cannot be merged with itself."),
        "unknown_lead": _("One of the two is not a lead of this workspace."),
        "already_merged": _("One of the two was merged already. Merge the lead they are now."),
        "different_email": _("Their e-mail addresses differ."),
        "different_user_id": _("Their user ids differ: your own systems take them for two people."),
    }[reason]


def undo_words(reason: str) -> str:
    return {
        "unknown": _("There is no such merge."),
        "undone": _("This merge was undone already."),
        "erased": _("The person was erased since: there is nothing to part."),
        "later": _("This lead was merged again later. Undo that merge first."),
        "taken": _("Another lead has the telephone or address now that would go back. Merge with that lead instead."),
    }[reason]
