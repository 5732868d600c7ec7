"""The form that says what a segment is. Who keeps segments passes in how one is saved.

@staff_screen(posts=EDITORS)
def edit(request: StaffRequest, key: str) -> HttpResponse:
    segment = segment_or_404(request, key)

    def save(found: SegmentFacts) -> HttpResponse:
        save_segment(workspace_id=request.staff.workspace.id, **vars(found), at=request.staff.at)
        return redirect("web:segment", key=found.key)

    return edit_segment(request, title=segment.name, initial=segment_facts(segment), save=save, back="web:segments")
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cultiva.accounts.models import Workspace
from cultiva.lib.documents import DocumentError
from cultiva.web.criteria_text import CriteriaField, Problem, said, write_criteria
from cultiva.web.staff import StaffRequest

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


@dataclass(frozen=True)
class SegmentFacts:
    """`criteria` is the document (docs/reference/criteria.md); `key` never changes once it is saved."""

    name: str
    key: str
    folder: str
    criteria: dict[str, Any]


class SegmentForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    key = forms.CharField(
        label=gettext_lazy("Key"), max_length=80, required=False,
        help_text=gettext_lazy("By which files and the API know it. Left empty, it is made of the name."),
    )  # fmt: skip
    folder = forms.CharField(label=gettext_lazy("Folder"), max_length=80, required=False)
    criteria = CriteriaField(label=gettext_lazy("Who belongs to it"))

    def __init__(self, *args: Any, workspace: Workspace, saved_key: str, folders: Collection[str], **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.folders = sorted(folders, key=str.casefold)
        self.fields["key"].disabled = bool(saved_key)
        self.fields["folder"].widget.attrs["list"] = "folders"
        field = self.fields["criteria"]
        assert isinstance(field, CriteriaField)
        field.workspace = workspace

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"] or slugify(self.cleaned_data.get("name", ""))[:80]
        if key and not KEY.fullmatch(key):
            raise ValidationError(_("Small letters, digits, - and _ alone, and a letter or digit first."))
        if not key and self.cleaned_data.get("name"):
            raise ValidationError(_("The name has no letter to make a key of: give one."))
        return key


def edit_segment(
    request: StaffRequest,
    *,
    title: str,
    save: Callable[[SegmentFacts], HttpResponse],
    back: str,
    initial: SegmentFacts | None = None,
    folders: Collection[str] = (),
    may_edit: bool = True,
) -> HttpResponse:
    """The form, or what `save` answers. `save` may raise ValidationError ({field: message} or a message) or
    DocumentError, which the form shows; nothing that was written is lost.
    """
    begun = {**vars(initial), "criteria": write_criteria(initial.criteria)} if initial else {}
    form = SegmentForm(
        request.POST or None, initial=begun, workspace=request.staff.workspace,
        saved_key=initial.key if initial else "", folders=folders,
    )  # fmt: skip
    if form.is_valid():
        try:
            return save(SegmentFacts(**form.cleaned_data))
        except DocumentError as error:
            form.add_error("criteria", said(Problem(error.place, error.problem, error.hint)))
        except ValidationError as error:
            form.add_error(None, error)
    context = {"page_title": title, "form": form, "back_url": reverse(back), "may_edit": may_edit}
    return render(request, "web/segment_edit.html", context, status=422 if form.errors else 200)
