"""Documents as files: what is there, as YAML or as a ZIP; and a ZIP that comes in, with what it would change."""

import io
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from cultiva.accounts.models import Role
from cultiva.documents.applying import ChangedMeanwhile, NotApplied, apply_files, pull
from cultiva.documents.kinds import Name, kinds
from cultiva.documents.models import AppliedDocument
from cultiva.documents.normal import digest
from cultiva.documents.planning import CHANGED, CREATED, DELETED, Plan, PublishedMeanwhile, Step, plan_files
from cultiva.documents.reading import path_of
from cultiva.documents.trees import UnreadableFiles, write_zip
from cultiva.documents.uploads import documents_in, find_upload, forget_upload, keep_upload
from cultiva.web.staff import StaffRequest, not_your_role, staff_screen

MAY_APPLY = frozenset({Role.OWNER, Role.MARKETING})
STATUSES = {
    CREATED: (gettext_lazy("new"), "plus"),
    CHANGED: (gettext_lazy("changed"), "pencil"),
    DELETED: (gettext_lazy("taken out"), "trash"),
}
MARKS = {"+": "ins", "-": "del"}  # elements
MOST_LINES = 400


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("ZIP of documents"),
        help_text=gettext_lazy("Nothing changes yet: you see first what it would change."),
        widget=forms.ClearableFileInput({"accept": ".zip,application/zip"}),
    )


@staff_screen()
def files(request: StaffRequest) -> HttpResponse:
    return files_page(request, UploadForm())


def files_page(request: StaffRequest, form: forms.Form) -> HttpResponse:
    groups = present_documents(request)
    context = {
        "page_title": _("Files"),
        "groups": groups,
        "form": form,
        "upload": find_upload(workspace_id=request.staff.workspace.id, user_id=request.staff.user.id),
        "may_apply": request.staff.role in MAY_APPLY,
        "now": request.staff.at,
    }
    return render(request, "web/files.html", context, status=422 if form.errors else 200)


def present_documents(request: StaffRequest) -> list[dict[str, Any]]:
    """[{label, rows: [{kind, key, version, applied, is_drift}]}]"""
    workspace_id = request.staff.workspace.id
    applied = {
        (row.kind, row.key): row for row in AppliedDocument.objects.filter(workspace_id=workspace_id).order_by("id")
    }
    groups = []
    for kind in kinds().values():
        rows = []
        for key, present in sorted(kind.present(workspace_id).items()):
            last = applied.get((kind.kind, key))
            is_drift = last is not None and last.digest != digest(present.body, present.attachments)
            rows.append({"kind": kind.kind, "key": key, "version": present.version, "applied": last, "drift": is_drift})
        if rows:
            groups.append({"label": kind.label, "folder": kind.folder, "rows": rows})
    return groups


@require_GET
@staff_screen()
def document_file(request: StaffRequest, kind: str, key: str) -> HttpResponse:
    if not request.staff.sees_personal_data:  # criteria may list people's addresses
        return not_your_role(request)
    known = kinds().get(kind)
    present = known.find(request.staff.workspace.id, key) if known else None
    if known is None or present is None:
        raise Http404
    path = path_of(known, key)
    if "download" in request.GET:
        answer = HttpResponse(present.text, content_type="application/yaml; charset=utf-8")
        name = path.rpartition("/")[2].encode("ascii", "replace").decode().replace('"', "_")
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer
    context = {"page_title": path, "text": present.text, "version": present.version, "attachments": present.attachments}
    return render(request, "web/file.html", context)


@require_GET
@staff_screen()
def files_zip(request: StaffRequest) -> HttpResponse:
    if not request.staff.sees_personal_data:
        return not_your_role(request)
    file = io.BytesIO()
    write_zip(pull(workspace_id=request.staff.workspace.id), file)
    answer = HttpResponse(file.getvalue(), content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="{request.staff.workspace.slug}-documents.zip"'
    return answer


@require_POST
@staff_screen(posts=MAY_APPLY)
def upload_files(request: StaffRequest) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            keep_upload(
                workspace_id=request.staff.workspace.id, user_id=request.staff.user.id, name=file.name, file=file,
                at=request.staff.at,
            )  # fmt: skip
            return redirect("web:plan_files")
        except UnreadableFiles as error:
            form.add_error("file", str(error).replace("\nhint: ", " "))
    return files_page(request, form)


@require_GET
@staff_screen()
def upload_too_large(request: StaffRequest) -> HttpResponse:
    context = {
        "title": _("The file is too large"),
        "text": _("Up to 100 MB can be uploaded here; nothing was taken. Take the documents in parts, or by command:")
        + f" cultiva apply DIR --workspace {request.staff.workspace.slug}",
        "link_url": "/settings/files",
        "link_label": _("Back"),
    }  # fmt: skip
    return render(request, "web/message_page.html", context, status=413)


@require_GET
@staff_screen()
def plan_upload(request: StaffRequest) -> HttpResponse:
    """What the person's ZIP would change. `delete` names documents to take out, too."""
    if request.staff.role not in MAY_APPLY:
        return not_your_role(request)
    upload = find_upload(workspace_id=request.staff.workspace.id, user_id=request.staff.user.id)
    if upload is None:
        return redirect("web:files")
    given, problems = documents_in(upload)
    delete = named(request.GET.getlist("delete"))
    try:
        plan = plan_files(
            workspace_id=request.staff.workspace.id, given=given, problems=problems, delete=delete,
            by=request.staff.actor, at=request.staff.at,
        )  # fmt: skip
    except PublishedMeanwhile:
        return busy(request)
    return plan_page(request, plan, upload.name, delete)


def plan_page(request: StaffRequest, plan: Plan, name: str, delete: list[Name], status: int = 200) -> HttpResponse:
    context = {
        "page_title": name,
        "plan": plan,
        "steps": [shown_step(step) for step in plan.changes],
        "drift": len(plan.drift),
        "unchanged": plan.counts["unchanged"],
        "others": [{"name": f"{kind}/{key}", "kind": kind, "key": key} for kind, key in plan.only_in_product],
        "delete": [f"{kind}/{key}" for kind, key in delete],
        "now": request.staff.at,
    }
    return render(request, "web/files_plan.html", context, status=status)


def shown_step(step: Step) -> dict[str, Any]:
    label, icon = STATUSES[step.status]
    lines = [line for line in step.diff.splitlines() if not line.startswith(("--- ", "+++ "))]
    return {
        "step": step,
        "label": label,
        "icon": icon,
        "lines": [(MARKS.get(line[:1], ""), line) for line in lines[:MOST_LINES]],
        "more": max(0, len(lines) - MOST_LINES),
    }


def named(words: list[str]) -> list[Name]:
    return [(kind, key) for kind, found, key in (word.partition("/") for word in words) if found]


@require_POST
@staff_screen(posts=MAY_APPLY)
def apply_upload(request: StaffRequest) -> HttpResponse:
    """Exactly the plan that was shown, or the plan anew."""
    place, user = request.staff.workspace, request.staff.user
    upload = find_upload(workspace_id=place.id, user_id=user.id)
    if upload is None:
        return redirect("web:files")
    given, problems = documents_in(upload)
    delete = named(request.POST.getlist("delete"))
    try:
        plan = apply_files(
            workspace_id=place.id, given=given, problems=problems, delete=delete, by=request.staff.actor,
            at=request.staff.at, overwrite="overwrite" in request.POST, expected=request.POST.get("digest") or "-",
        )  # fmt: skip
    except PublishedMeanwhile:
        return busy(request)
    except NotApplied as error:
        if isinstance(error, ChangedMeanwhile):
            messages.error(request, _("The workspace has changed since you looked: this is the plan now."))
        else:
            messages.error(request, _("Nothing was changed. Mend what is wrong, or agree to overwrite."))
        return plan_page(request, error.plan, upload.name, delete, status=409)
    forget_upload(workspace_id=place.id, user_id=user.id)
    count = len(plan.changes)
    words = ngettext("%(count)d document is in force.", "%(count)d documents are in force.", count)
    messages.success(request, words % {"count": count})
    return redirect("web:files")


def busy(request: StaffRequest) -> HttpResponse:
    messages.error(request, _("Somebody else is publishing one of these documents right now. Try again."))
    return redirect("web:files")


@require_POST
@staff_screen(posts=MAY_APPLY)
def discard_upload(request: StaffRequest) -> HttpResponse:
    forget_upload(workspace_id=request.staff.workspace.id, user_id=request.staff.user.id)
    return redirect("web:files")
