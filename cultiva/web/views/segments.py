"""Segments: the list, one with its members and its past, and who is put in or kept out by hand."""

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.models import Role, Workspace
from cultiva.criteria.language import parse, say
from cultiva.criteria.references import GoesInCircles, StillUsed, User, used_by
from cultiva.lib.documents import DocumentError
from cultiva.lib.languages import reader_language
from cultiva.lib.plugins import plugins
from cultiva.segments.actions import (
    SegmentRefused,
    addresses_in,
    clone_segment,
    delete_segment,
    find_addresses,
    free_key,
    move_by_hand,
    save_segment,
    unpin_leads,
)
from cultiva.segments.lists import Page, Shown, kept_out, list_segments, members_of, members_on, with_figures
from cultiva.segments.models import DYNAMIC, FIXED, Segment
from cultiva.web.charts import score_line, sparkline
from cultiva.web.criteria_text import CriteriaField, write_criteria
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.templatetags.ui import amount
from cultiva.web.views.leads import mask, name_row

MAY_CHANGE = frozenset({Role.OWNER, Role.MARKETING})
DAYS, UNKNOWN_SHOWN = 30, 10
KINDS = [
    (DYNAMIC, gettext_lazy("By criteria: leads enter and leave by themselves")),
    (FIXED, gettext_lazy("A fixed list: leads are put in and taken out by hand")),
]


class SearchForm(forms.Form):
    search = forms.CharField(
        required=False, max_length=100, label=gettext_lazy("Search"), widget=forms.TextInput({"type": "search"})
    )
    folder = forms.ChoiceField(required=False, label=gettext_lazy("Folder"))
    tag = forms.ChoiceField(required=False, label=gettext_lazy("Tag"))

    def __init__(self, *args: Any, segments: list[Segment], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        folders = sorted({each.folder for each in segments if each.folder})
        tags = sorted({tag for each in segments for tag in each.tags})
        for name, none, found in (("folder", _("Any folder"), folders), ("tag", _("Any tag"), tags)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", none), *((each, each) for each in found)]


class SegmentForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=160)
    kind = forms.ChoiceField(
        label=gettext_lazy("Who is in it"), choices=KINDS, initial=DYNAMIC, widget=forms.RadioSelect()
    )
    criteria = CriteriaField(
        label=gettext_lazy("Criteria"), required=False, help_text=gettext_lazy("Not needed for a fixed list.")
    )
    takes_only_valid = forms.BooleanField(
        label=gettext_lazy("Only leads who accepted the data-protection policy"), required=False, initial=True,
        help_text=gettext_lazy("Nobody else may be sent marketing."),
    )  # fmt: skip
    folder = forms.CharField(label=gettext_lazy("Folder"), required=False, max_length=120)
    tags = forms.CharField(
        label=gettext_lazy("Tags"), required=False, max_length=600, help_text=gettext_lazy("Separated by commas.")
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["criteria"]
        assert isinstance(field, CriteriaField)
        field.workspace = workspace

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        found["tags"] = found.get("tags", "").split(",")
        found["source_text"] = ""
        if found.get("kind") == FIXED:
            self.errors.pop("criteria", None)  # whatever was written there before the kind was chosen
            found["criteria"] = None
        elif "criteria" in found and found["criteria"] is None:
            self.add_error("criteria", _("Nothing is asked yet. Add a condition."))
        else:
            found["source_text"] = self["criteria"].data
        return found


class DayForm(forms.Form):
    on = forms.DateField(
        label=gettext_lazy("Who was in it on"), required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"), input_formats=["%Y-%m-%d"],
    )  # fmt: skip


class AddressesForm(forms.Form):
    addresses = forms.CharField(
        label=gettext_lazy("E-mail addresses"), max_length=5_000_000,
        widget=forms.Textarea({"rows": 4, "spellcheck": "false", "placeholder": "ana@example.com, luis@example.com"}),
        help_text=gettext_lazy("One a line, or with commas between them. Only leads you have are put in."),
    )  # fmt: skip


class CopyForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name of the copy"), max_length=160)


@require_safe
@staff_screen()
def segment_list(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    form = SearchForm(request.GET, segments=list_segments(workspace_id=staff.workspace.id))
    form.is_valid()  # a choice that does not exist is left out, and the field says so
    wanted = {name: value for name, value in form.cleaned_data.items() if value}
    found = list_segments(workspace_id=staff.workspace.id, **wanted)
    context = {
        "page_title": _("Segments"),
        "form": form,
        "rows": [_row(each) for each in _shown(request, found)],
        "is_filtered": bool(wanted),
        "may_change": staff.role in MAY_CHANGE,
    }
    is_part = request.headers.get("HX-Request") and request.headers.get("HX-Target", "").endswith("segment-rows")
    return render(request, "web/_segment_rows.html" if is_part else "web/segments.html", context)


def _shown(request: StaffRequest, found: list[Segment]) -> list[Shown]:
    return with_figures(found, at=request.staff.at, time_zone=request.staff.workspace.time_zone, days=DAYS)


def _row(shown: Shown) -> dict[str, Any]:
    title = _("Members of %(name)s in the last 30 days") % {"name": shown.segment.name}
    return {
        "segment": shown.segment,
        "members": shown.members,
        "sparkline": sparkline([count for _day, count in shown.growth], title=title),
    }


@require_safe
@staff_screen()
def segment(request: StaffRequest, segment_id: int) -> HttpResponse:
    return segment_page(request, find(request, segment_id))


def segment_page(request: StaffRequest, found: Segment, *, status: int = 200, **forms_: Any) -> HttpResponse:
    """`forms_`: one that was sent and cannot be taken, with its errors."""
    staff = request.staff
    shown = _shown(request, [found])[0]
    day_form = DayForm(request.GET if request.method == "GET" else None)
    day = day_form.cleaned_data.get("on") if day_form.is_valid() else None
    page, count = _members(request, found, day)
    for row in page.rows:
        row["id"] = row["lead_id"]
        name_row(row, sees_personal_data=staff.sees_personal_data)
    language = reader_language()
    context = {
        "page_title": found.name,
        "segment": found,
        "members": shown.members,
        "words": "" if found.is_fixed else say(parse(found.criteria), language),
        "chart": _growth(shown, staff.workspace.time_zone),
        "chart_rows": [(date_format(each, "SHORT_DATE_FORMAT"), amount(n)) for each, n in reversed(shown.growth)],
        "uses": _named(found, used_by(workspace_id=found.workspace_id, kind="segment", key=found.key)),
        "page": page,
        "day": day,
        "day_count": count,
        "day_form": day_form,
        "kept_out": _kept_out(request, found),
        "addresses_form": AddressesForm(),
        "copy_form": CopyForm(initial={"name": _("%(name)s (copy)") % {"name": found.name}}),
        "may_change": staff.role in MAY_CHANGE,
        "may_act": any(staff.role in kind.roles for kind in plugins("bulk_actions").values()),
        "now": staff.at,
        **forms_,
    }
    return render(request, "web/segment.html", context, status=status)


def _members(request: StaffRequest, found: Segment, day: date | None) -> tuple[Page, int]:
    text = request.GET.get("after", "")
    after = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    if day is None:
        return members_of(segment=found, after=after), 0
    zone = request.staff.workspace.time_zone
    return members_on(segment=found, day=day, time_zone=zone, after=after)


def _growth(shown: Shown, time_zone: str) -> SafeString:
    noon, zone = time(12), ZoneInfo(time_zone)
    points = [(datetime.combine(day, noon, zone), count) for day, count in shown.growth]
    return score_line(points, title=_("Members in the last 30 days"))


def _named(found: Segment, users: list[User]) -> list[dict[str, str]]:
    """{kind, name}: segments go by their names, other documents by their keys."""
    keys = [user.key for user in users if user.kind == "segment"]
    names = dict(Segment.objects.filter(workspace_id=found.workspace_id, key__in=keys).values_list("key", "name"))
    return [
        {"kind": user.kind, "name": names.get(user.key, user.key) if user.kind == "segment" else user.key}
        for user in users
    ]


def _kept_out(request: StaffRequest, found: Segment) -> list[dict[str, Any]]:
    sees = request.staff.sees_personal_data
    return [
        {"lead_id": pin.lead_id, "name": pin.lead.full_name if sees else mask(pin.lead.full_name), "at": pin.at}
        for pin in kept_out(found)
    ]


def find(request: StaffRequest, segment_id: int) -> Segment:
    found = Segment.objects.filter(workspace_id=request.staff.workspace.id, id=segment_id).first()
    if found is None:
        raise Http404
    return found


@staff_screen(posts=MAY_CHANGE)
def new_segment(request: StaffRequest) -> HttpResponse:
    return edit_page(request, None)


@staff_screen(posts=MAY_CHANGE)
def edit_segment(request: StaffRequest, segment_id: int) -> HttpResponse:
    return edit_page(request, find(request, segment_id))


def edit_page(request: StaffRequest, found: Segment | None) -> HttpResponse:
    workspace, posted = request.staff.workspace, request.POST if request.method == "POST" else None
    form = SegmentForm(posted, initial=_initial(found), workspace=workspace)
    if found:
        form.fields["kind"].disabled = True
    if request.method == "POST" and form.is_valid():
        staff, values = request.staff, form.cleaned_data
        key = found.key if found else free_key(staff.workspace.id, values["name"])
        try:
            saved = save_segment(workspace_id=staff.workspace.id, key=key, by=staff.actor, at=staff.at, **values)
        except (DocumentError, GoesInCircles) as error:
            form.add_error("criteria", str(error))
        except SegmentRefused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("web:segment", segment_id=saved.id)
    context = {
        "page_title": found.name if found else _("New segment"),
        "form": form,
        "segment": found,
        "may_change": request.staff.role in MAY_CHANGE,
    }
    return render(request, "web/segment_form.html", context, status=422 if form.errors else 200)


def _initial(found: Segment | None) -> dict[str, Any]:
    if found is None:
        return {}
    fields = {name: getattr(found, name) for name in SegmentForm.base_fields}
    return fields | {"criteria": found.source_text or write_criteria(found.criteria), "tags": ", ".join(found.tags)}


@require_POST
@staff_screen(posts=MAY_CHANGE)
def clone(request: StaffRequest, segment_id: int) -> HttpResponse:
    found, form = find(request, segment_id), CopyForm(request.POST)
    if not form.is_valid():
        return segment_page(request, found, status=422, copy_form=form)
    staff = request.staff
    copy = clone_segment(
        workspace_id=found.workspace_id, segment_id=found.id, name=form.cleaned_data["name"], by=staff.actor,
        at=staff.at,
    )  # fmt: skip
    return redirect("web:segment", segment_id=copy.id)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def delete(request: StaffRequest, segment_id: int) -> HttpResponse:
    found, staff = find(request, segment_id), request.staff
    try:
        delete_segment(workspace_id=found.workspace_id, segment_id=found.id, by=staff.actor, at=staff.at)
    except StillUsed as error:
        uses = ", ".join(use["name"] for use in _named(found, error.users))
        messages.error(request, _("It is used by %(uses)s. Take it out there first.") % {"uses": uses})
        return redirect("web:segment", segment_id=found.id)
    messages.success(
        request, _("%(name)s is deleted. Who was in it stays in the history of each lead.") % {"name": found.name}
    )
    return redirect("web:segments")


@require_POST
@staff_screen(posts=MAY_CHANGE)
def put_in(request: StaffRequest, segment_id: int) -> HttpResponse:
    found, form = find(request, segment_id), AddressesForm(request.POST)
    if not form.is_valid():
        return segment_page(request, found, status=422, addresses_form=form)
    staff = request.staff
    try:
        pasted = find_addresses(
            workspace_id=found.workspace_id, words=addresses_in(form.cleaned_data["addresses"])
        )  # fmt: skip
    except SegmentRefused as error:
        form.add_error("addresses", str(error))
        return segment_page(request, found, status=422, addresses_form=form)
    entered = move_by_hand(segment=found, lead_ids=pasted.lead_ids, is_in=True, by=staff.actor, at=staff.at)
    text = _("%(entered)s put in; %(present)s were in it already.")
    present = len(pasted.lead_ids) - entered
    messages.success(request, text % {"entered": amount(entered), "present": amount(present)})
    if nobody := [*pasted.unknown, *pasted.unreadable]:
        listed = ", ".join(nobody[:UNKNOWN_SHOWN]) + (" …" if len(nobody) > UNKNOWN_SHOWN else "")
        text = _("%(n)s are of no lead you have: %(listed)s")
        messages.warning(request, text % {"n": amount(len(nobody)), "listed": listed})
    return redirect("web:segment", segment_id=found.id)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def take_out(request: StaffRequest, segment_id: int, lead_id: int) -> HttpResponse:
    """Off a fixed list; out of a dynamic segment, whatever the criteria say."""
    found, staff = find(request, segment_id), request.staff
    move_by_hand(segment=found, lead_ids=[lead_id], is_in=False, by=staff.actor, at=staff.at)
    return redirect("web:segment", segment_id=found.id)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def let_decide(request: StaffRequest, segment_id: int, lead_id: int) -> HttpResponse:
    """The criteria decide again on whom a person put in or kept out."""
    found, staff = find(request, segment_id), request.staff
    unpin_leads(
        workspace_id=found.workspace_id, segment_id=found.id, lead_ids=[lead_id], by=staff.actor, at=staff.at
    )  # fmt: skip
    return redirect("web:segment", segment_id=found.id)
