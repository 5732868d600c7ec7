"""Actions on many leads: chosen, counted, confirmed, watched, undone; and the files of exports."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST, require_safe

from cultiva.accounts.actions import record_audit
from cultiva.bulk import running
from cultiva.bulk.kinds.base import BulkKind, BulkRefused
from cultiva.bulk.kinds.export import content_type_of, file_of, is_there
from cultiva.bulk.models import BulkAction
from cultiva.bulk.undoing import start_undo, why_not
from cultiva.criteria.language import parse, say
from cultiva.leads.audience import leads_shown
from cultiva.lib.documents import DocumentError
from cultiva.lib.languages import reader_language
from cultiva.lib.plugins import plugins
from cultiva.segments.actions import find_segment
from cultiva.web.staff import ALL_ROLES, StaffRequest, not_your_role, staff_screen
from cultiva.web.views.leads import kept_criteria, name_row
from cultiva.web.words import stage_labels, temperature_words

STATES = {
    "counting": gettext_lazy("being counted"),
    "counted": gettext_lazy("waits for you"),
    "running": gettext_lazy("running"),
    "done": gettext_lazy("done"),
    "stopped": gettext_lazy("stopped"),
    "failed": gettext_lazy("failed"),
    "undoing": gettext_lazy("being undone"),
    "undone": gettext_lazy("undone"),
    "undo_failed": gettext_lazy("undoing failed"),
}
COUNTS = {
    "changed": gettext_lazy("Changed"),
    "unchanged": gettext_lazy("Without change"),
    "gone": gettext_lazy("Merged or gone since they were counted"),
    "restored": gettext_lazy("As they were before"),
    "kept": gettext_lazy("Left as they are, because somebody changed them since"),
}
MANY = 1000  # leads: who takes more than these away in a file proves anew who they are
FRESH = timedelta(minutes=15)


class KindForm(forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("What should happen to them?"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, role: str, **more: Any) -> None:
        super().__init__(*args, **more)
        field = self.fields["kind"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(kind.kind, kind.label) for kind in kinds_for(role)]


def kinds_for(role: str) -> list[type[BulkKind]]:
    found: list[type[BulkKind]] = [kind for kind in plugins("bulk_actions").values() if role in kind.roles]
    return found


@require_safe
@staff_screen()
def history(request: StaffRequest) -> HttpResponse:
    context = {
        "page_title": _("Bulk actions"),
        "rows": [row_of(action) for action in running.list_actions(workspace_id=request.staff.workspace.id)],
        "now": request.staff.at,
        "may_act": bool(kinds_for(request.staff.role)),
    }
    return render(request, "web/bulk_actions.html", context)


def row_of(action: BulkAction) -> dict[str, Any]:
    kind = plugins("bulk_actions").get(action.kind)
    return {
        "action": action,
        "label": kind.label if kind else action.kind,
        "detail": kind().detail(action.settings) if kind else "",
        "state": STATES[action.state],
        "counts": shown_counts(action),
    }


def shown_counts(action: BulkAction) -> list[tuple[Any, int]]:
    return [(label, action.counts[key]) for key, label in COUNTS.items() if action.counts.get(key)]


@staff_screen(posts=ALL_ROLES)  # each action says who may
def new_action(request: StaffRequest) -> HttpResponse:
    """Whom it is about stands in the address: `who=ticked&lead=7&lead=8`, `segment=clientes`, or the list's filter.
    Then what happens to them, and its settings."""
    staff = request.staff
    if not kinds_for(staff.role):
        return not_your_role(request)
    selection = selection_of(request)
    asked = KindForm(request.GET if "kind" in request.GET else None, role=staff.role)
    kind = plugins("bulk_actions")[asked.cleaned_data["kind"]] if asked.is_bound and asked.is_valid() else None
    data = request.POST if request.method == "POST" else None
    form = kind.Settings(data, workspace_id=staff.workspace.id) if kind else None
    if request.method == "POST" and kind and form:
        form.is_valid()
        given = {name: posted(form, name) for name in form.fields}
        try:
            action = running.create_action(
                workspace_id=staff.workspace.id, kind=kind.kind, settings=given, selection=selection, by=staff.actor,
                created_by=staff.user, at=staff.at,
            )  # fmt: skip
            return redirect("web:bulk_action", action.id)
        except running.BadSettings:
            pass  # the form says so beside its fields
        except (BulkRefused, DocumentError) as error:
            form.add_error(None, str(error).replace("\nhint: ", " "))
    query = request.GET.copy()
    query.pop("kind", None)
    context = {
        "page_title": _("Do something with many leads"),
        "selection": say_selection(selection, staff.workspace.id),
        "hidden": [(name, value) for name, values in query.lists() for value in values],
        "asked": asked,
        "kind": kind,
        "form": form,
        "back": reverse("web:bulk_new") + "?" + query.urlencode(),
    }
    return render(request, "web/bulk_new.html", context, status=422 if form is not None and form.errors else 200)


def posted(form: forms.Form, name: str) -> Any:
    return form[name].data


def selection_of(request: StaffRequest) -> dict[str, Any]:
    if segment := request.GET.get("segment"):
        return {"segment": segment}
    if request.GET.get("who") == "ticked":
        return {"leads": [int(each) for each in request.GET.getlist("lead") if each.isascii() and each.isdigit()]}
    wanted: dict[str, Any] = {name: request.GET.get(name, "") for name in ("search", "stage", "temperature")}
    if criteria := kept_criteria(request):
        try:
            wanted["criteria"] = json.loads(criteria)
        except ValueError as error:
            raise Http404 from error
    return {"filter": {name: value for name, value in wanted.items() if value}}


def said_to(request: StaffRequest, selection: dict[str, Any]) -> list[str]:
    """What somebody searched for may name a person."""
    wanted = selection.get("filter", {})
    if not request.staff.sees_personal_data and ("search" in wanted or "criteria" in wanted):
        return [_("leads that a filter found")]
    return say_selection(selection, request.staff.workspace.id)


def say_selection(selection: dict[str, Any], workspace_id: int) -> list[str]:
    """Whom it is about, a phrase each."""
    if "leads" in selection:
        return [_("leads that you ticked")]
    if "segment" in selection:
        found = find_segment(workspace_id, selection["segment"])
        return [_("segment %(name)s") % {"name": found.name if found else selection["segment"]}]
    wanted, said = selection["filter"], []
    if "search" in wanted:
        said.append(_("found by “%(words)s”") % {"words": wanted["search"]})
    if "stage" in wanted:
        labels = stage_labels(workspace_id)
        said.append(_("stage %(stage)s") % {"stage": labels.get(wanted["stage"], wanted["stage"])})
    if "temperature" in wanted:
        words = temperature_words() | {"none": _("Without score")}
        said.append(_("temperature %(temperature)s") % {"temperature": words.get(wanted["temperature"], "–")})
    if "criteria" in wanted:
        said.append(say(parse(wanted["criteria"]), reader_language()))
    return said or [_("all leads")]


@require_safe
@staff_screen()
def one_action(request: StaffRequest, action_id: int) -> HttpResponse:
    action = action_or_404(request, action_id)
    return render(request, "web/bulk_action.html", state_of(request, action) | {"page_title": title_of(action)})


@require_GET
@staff_screen()
def progress(request: StaffRequest, action_id: int) -> HttpResponse:
    return render(request, "web/_bulk_state.html", state_of(request, action_or_404(request, action_id)))


def title_of(action: BulkAction) -> str:
    row = row_of(action)
    return f"{row['label']}: {row['detail']}" if row["detail"] else str(row["label"])


def state_of(request: StaffRequest, action: BulkAction) -> dict[str, Any]:
    staff, kind = request.staff, running.kind_of(action)
    rate = action.position / action.worked_seconds if action.worked_seconds and action.position else 0
    total = action.counts.get("changed", 0) if action.state.startswith("und") else action.total
    left = (total - action.position) / rate if rate and total else None
    sample = []
    if action.state == "counted" and staff.sees_personal_data:
        sample = leads_shown(workspace_id=action.workspace_id, lead_ids=running.sample_of(action))
        for row in sample:
            name_row(row, sees_personal_data=True)
    return {
        "action": action,
        "state": STATES[action.state],
        "says": kind.says(action.settings, action.total) if action.total is not None else "",
        "selection": said_to(request, action.selection),
        "sample": sample,
        "more": max((action.total or 0) - len(sample), 0) if sample else 0,
        "counts": shown_counts(action),
        "total": total,
        "rate": round(rate),
        "left": timedelta(seconds=round(left)) if left is not None else None,
        "is_going": action.state in running.GOING,
        "can_undo": kind.can_undo,
        "may_undo": staff.role in kind.roles and not why_not(action),
        "may_act": staff.role in kind.roles,
        "is_export": action.kind == "export",
        "now": staff.at,
    }


@require_POST
@staff_screen(posts=ALL_ROLES)
def start_action(request: StaffRequest, action_id: int) -> HttpResponse:
    action = action_or_404(request, action_id)
    if request.staff.role not in running.kind_of(action).roles:
        return not_your_role(request)
    if must_prove(request, action):
        return sign_in_again(request, action)
    try:
        running.start(action=action, at=request.staff.at, by=request.staff.actor)
    except BulkRefused as error:
        messages.error(request, str(error).replace("\nhint: ", " "))
    return redirect("web:bulk_action", action_id)


@require_POST
@staff_screen(posts=ALL_ROLES)
def stop_action(request: StaffRequest, action_id: int) -> HttpResponse:
    action = action_or_404(request, action_id)
    if request.staff.role not in running.kind_of(action).roles:
        return not_your_role(request)
    running.stop(action=action)
    return redirect("web:bulk_action", action_id)


@require_POST
@staff_screen(posts=ALL_ROLES)
def discard_action(request: StaffRequest, action_id: int) -> HttpResponse:
    action = action_or_404(request, action_id)
    if request.staff.role not in running.kind_of(action).roles:
        return not_your_role(request)
    try:
        running.discard(action=action)
    except BulkRefused as error:
        messages.error(request, str(error).replace("\nhint: ", " "))
        return redirect("web:bulk_action", action_id)
    messages.success(request, _("Nothing was changed."))
    return redirect("web:leads")


@require_POST
@staff_screen(posts=ALL_ROLES)
def undo_action(request: StaffRequest, action_id: int) -> HttpResponse:
    action = action_or_404(request, action_id)
    if request.staff.role not in running.kind_of(action).roles:
        return not_your_role(request)
    try:
        start_undo(action=action, at=request.staff.at, by=request.staff.actor)
    except BulkRefused as error:
        messages.error(request, str(error).replace("\nhint: ", " "))
    return redirect("web:bulk_action", action_id)


@require_GET
@staff_screen()
def download(request: StaffRequest, action_id: int) -> Any:
    """The file of an export, to whoever may export; that it was taken stands in the audit log."""
    action = action_or_404(request, action_id)
    if action.kind != "export":
        raise Http404
    if request.staff.role not in running.kind_of(action).roles:
        return not_your_role(request)
    if not is_there(action, request.staff.at):
        context = {
            "title": _("This file is gone"),
            "text": _("Exports are kept for 7 days. Export the leads anew."),
            "link_url": reverse("web:bulk_actions"),
            "link_label": _("Bulk actions"),
        }
        return render(request, "web/message_page.html", context, status=410)
    if must_prove(request, action):
        return sign_in_again(request, action)
    record_audit(
        workspace_id=action.workspace_id, actor=request.staff.actor, action="export.downloaded", at=request.staff.at,
        target=f"bulk_action:{action.id}", detail={"file": action.file_name, "leads": action.total},
    )  # fmt: skip
    answer = StreamingHttpResponse(pieces_of(action), content_type=content_type_of(action))
    answer["Content-Disposition"] = f'attachment; filename="{action.file_name}"'
    answer["Content-Length"] = str(action.file_bytes)
    answer["X-Robots-Tag"] = "noindex"
    return answer


def pieces_of(action: BulkAction) -> Iterator[bytes]:
    yield from file_of(action)


def must_prove(request: StaffRequest, action: BulkAction) -> bool:
    """A session left open must not be enough to carry everybody off."""
    if action.kind != "export" or (action.total or 0) <= MANY:
        return False
    signed_in_at = request.session.get("signed_in_at")
    return not signed_in_at or request.staff.at - datetime.fromisoformat(signed_in_at) > FRESH


def sign_in_again(request: StaffRequest, action: BulkAction) -> HttpResponse:
    back = reverse("web:bulk_action", args=[action.id])
    query = QueryDict(mutable=True)
    query.update({"again": "1", "next": back})
    context = {
        "title": _("Sign in again for so many leads"),
        "text": _("Whoever takes more than 1,000 leads away in a file proves once more who they are."),
        "link_url": f"{reverse('web:sign_in')}?{query.urlencode()}",
        "link_label": _("Sign in"),
    }
    return render(request, "web/message_page.html", context, status=403)


def action_or_404(request: StaffRequest, action_id: int) -> BulkAction:
    found = running.find_action(workspace_id=request.staff.workspace.id, action_id=action_id)
    if found is None or found.kind not in plugins("bulk_actions"):
        raise Http404
    return found
