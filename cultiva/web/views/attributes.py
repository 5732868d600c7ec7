"""Settings: what the attributes of leads and companies are."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from cultiva.accounts.actions import record_audit
from cultiva.accounts.models import Role
from cultiva.leads.attributes import AttributeRefused, definitions
from cultiva.leads.models import Attribute
from cultiva.leads.retyping import TypeChange, change_type, preview_type, progress_of
from cultiva.leads.summaries import use_of_attributes
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.words import attribute_label

TYPE_LABELS = {
    "text": gettext_lazy("Text"),
    "long_text": gettext_lazy("Long text"),
    "number": gettext_lazy("Number"),
    "money": gettext_lazy("Money"),
    "date": gettext_lazy("Date"),
    "date_time": gettext_lazy("Date and time"),
    "boolean": gettext_lazy("Yes or no"),
    "choice": gettext_lazy("Choice"),
    "multi_choice": gettext_lazy("Several choices"),
    "email": gettext_lazy("E-mail"),
    "phone": gettext_lazy("Phone"),
    "url": gettext_lazy("Web address"),
    "country": gettext_lazy("Country"),
    "language": gettext_lazy("Language"),
    "time_zone": gettext_lazy("Time zone"),
}
SUBJECTS = {"lead": gettext_lazy("Leads"), "company": gettext_lazy("Companies")}
EDITORS = frozenset({Role.OWNER, Role.MARKETING})


class AttributeForm(forms.Form):
    label = forms.CharField(
        label=gettext_lazy("Name"), required=False, max_length=120,
        help_text=gettext_lazy("What people read. Leave it empty to show the key."),
    )  # fmt: skip
    type = forms.ChoiceField(label=gettext_lazy("Type"), choices=TYPE_LABELS.items())
    choices = forms.CharField(
        label=gettext_lazy("Choices"), required=False, max_length=20_000, widget=forms.Textarea({"rows": 4}),
        help_text=gettext_lazy("One a line; none means any text. For money: the currency, such as EUR."),
    )  # fmt: skip

    @property
    def listed(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["choices"].splitlines() if line.strip()]


@staff_screen()
def attribute_list(request: StaffRequest) -> HttpResponse:
    workspace_id = request.staff.workspace.id
    parts = [
        {"title": title, "subject": subject, "rows": _rows(workspace_id, subject)}
        for subject, title in SUBJECTS.items()
    ]
    context = {
        "page_title": _("Attributes"),
        "parts": [part for part in parts if part["rows"]],
        "may_edit": request.staff.role in EDITORS,
    }
    return render(request, "web/attributes.html", context)


@staff_screen(posts=EDITORS)
def attribute(request: StaffRequest, subject: str, key: str) -> HttpResponse:
    """First what would change is shown; what is sent with `sure` is saved."""
    found = attribute_or_404(request, subject, key)
    form = AttributeForm(request.POST or None, initial=_initial(found))
    preview = None
    if form.is_valid():
        preview = _try(request, found, form)
        if preview and (request.POST.get("sure") or not preview.misfits):
            changed = attribute_or_404(request, subject, key)
            return redirect("web:attribute", subject, key) if changed.is_being_read else redirect("web:attributes")
    context = {
        "page_title": found.label or attribute_label(found.key),
        "attribute": found,
        "percent": round(100 * progress_of(found)),
        "form": form,
        "preview": preview,
        "examples": preview.examples if preview and request.staff.sees_personal_data else [],
        "may_edit": request.staff.role in EDITORS,
        "subject_label": SUBJECTS[subject],
    }
    return render(request, "web/attribute.html", context, status=422 if form.errors else 200)


@require_GET
@staff_screen()
def progress(request: StaffRequest, subject: str, key: str) -> HttpResponse:
    found = attribute_or_404(request, subject, key)
    context = {"attribute": found, "percent": round(100 * progress_of(found))}
    return render(request, "web/_attribute_progress.html", context)


def attribute_or_404(request: StaffRequest, subject: str, key: str) -> Attribute:
    found = definitions(request.staff.workspace.id, subject).get(key) if subject in SUBJECTS else None
    if found is None:
        raise Http404
    return found


def _initial(found: Attribute) -> dict[str, Any]:
    return {"label": found.label, "type": found.type, "choices": "\n".join(found.choices)}


def _try(request: StaffRequest, found: Attribute, form: AttributeForm) -> TypeChange | None:
    """What the change does; saved where nothing stops fitting or the person is sure. None: the form says why not."""
    staff, wanted = request.staff, form.cleaned_data
    asked: dict[str, Any] = {"workspace_id": staff.workspace.id, "subject": found.subject, "key": found.key}
    try:
        preview = preview_type(**asked, type=wanted["type"], choices=form.listed)
        if request.POST.get("sure") or not preview.misfits:
            change_type(**asked, type=wanted["type"], choices=form.listed, label=wanted["label"], at=staff.at)
            record_audit(
                workspace_id=staff.workspace.id, actor=staff.actor, action="attribute.changed",
                target=f"{found.subject}.{found.key}", detail={"type": wanted["type"]}, at=staff.at,
            )  # fmt: skip
            messages.success(request, _("Saved."))
    except AttributeRefused as error:
        form.add_error("choices", str(error).replace("\nhint: ", ": "))
        return None
    return preview


def _rows(workspace_id: int, subject: str) -> list[dict[str, Any]]:
    used = use_of_attributes(workspace_id=workspace_id, subject=subject)
    return [
        {
            "attribute": each,
            "label": each.label or attribute_label(each.key),
            "type": TYPE_LABELS.get(each.type, each.type),
            "use": used.of(each.key),
            "is_exact": used.is_exact,
            "misfits": used.misfits.get(each.key, 0),
        }
        for each in definitions(workspace_id, subject).values()
    ]
