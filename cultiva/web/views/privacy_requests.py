"""What people ask of us by their rights: the queue with its clock, and what is done with each."""

from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.models import User
from cultiva.leads.actions import BadAddress, find_lead, read_address
from cultiva.leads.models import Lead
from cultiva.privacy import requests
from cultiva.privacy.erasing import preview_erasure
from cultiva.privacy.exporting import export_person
from cultiva.privacy.models import Erasure, Outcome, PrivacyRequest, PrivacyText, Right, Way
from cultiva.privacy.requests import RequestRefused
from cultiva.web.staff import MAY_ANSWER, Staff, StaffRequest, not_your_role, staff_screen
from cultiva.web.views.leads import mask

Json = dict[str, Any]


SHOWN = 50  # closed ones
SOON_DAYS = requests.SOON.days
MOST_BYTES = 10_000_000
OUTCOMES = {
    "deleted": gettext_lazy("goes"), "emptied": gettext_lazy("is emptied"), "kept": gettext_lazy("stays"),
}  # fmt: skip


class NewRequestForm(forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("Which right"), choices=Right.choices)
    way = forms.ChoiceField(
        label=gettext_lazy("How it came"), choices=[each for each in Way.choices if each[0] not in ("link", "api")]
    )
    received_on = forms.DateField(
        label=gettext_lazy("Received on"), widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("The clock of the law runs from this day."),
    )  # fmt: skip
    email = forms.CharField(
        label=gettext_lazy("E-mail of the person"), required=False, max_length=254,
        help_text=gettext_lazy("As you know it. Leave it empty if you do not know yet who asks."),
    )  # fmt: skip
    contact = forms.CharField(label=gettext_lazy("Where to answer"), required=False, max_length=254)
    text = forms.CharField(
        label=gettext_lazy("What they said"), required=False, max_length=requests.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 4}),
    )  # fmt: skip


class CloseForm(forms.Form):
    outcome = forms.ChoiceField(label=gettext_lazy("How it ended"), choices=Outcome.choices)
    text = forms.CharField(
        label=gettext_lazy("What was done, and how the person was answered"), max_length=requests.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("It proves that we answered, and stays. After an erasure, name nobody in it."),
    )  # fmt: skip
    file = forms.FileField(label=gettext_lazy("File that shows it"), required=False)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file and file.size > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than 10 MB."))
        return file


@require_safe
@staff_screen()
def request_list(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    found = PrivacyRequest.objects.filter(workspace_id=staff.workspace.id).select_related("lead", "closed_by")
    context = {
        "page_title": _("Privacy requests"),
        "open": [_row(each, staff) for each in found.filter(closed_at=None).order_by("due_on", "id")],
        "closed": [_row(each, staff) for each in found.exclude(closed_at=None).order_by("-closed_at", "-id")[:SHOWN]],
        "may_answer": staff.role in MAY_ANSWER,
        "now": staff.at,
    }
    return render(request, "web/privacy_requests.html", context)


@staff_screen(posts=MAY_ANSWER)
def new_request(request: StaffRequest) -> HttpResponse:
    """Enter one that came by telephone, mail or letter."""
    staff = request.staff
    if staff.role not in MAY_ANSWER:
        return not_your_role(request)
    today = requests.today(staff.workspace, staff.at)
    first: Json = {"received_on": today.isoformat()}
    if (known := request.GET.get("lead", "")).isdecimal():
        lead = Lead.objects.filter(workspace_id=staff.workspace.id, id=int(known[:18])).first()
        first["email"] = lead.email if lead else ""
    form = NewRequestForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        made = _receive(request, form)
        if made:
            messages.success(request, _("The request is in the queue, and its clock runs."))
            return redirect("web:privacy_request", request_id=made.id)
    context = {"page_title": _("Enter a request"), "form": form}
    return render(request, "web/privacy_request_new.html", context, status=422 if request.method == "POST" else 200)


@staff_screen(posts=MAY_ANSWER)
def one_request(request: StaffRequest, request_id: int) -> HttpResponse:
    staff, found = request.staff, find(request, request_id)
    closing = CloseForm()
    if request.method == "POST":
        what = request.POST.get("what", "")
        if what == "close":
            closing = CloseForm(request.POST, request.FILES)
        try:
            if _do(request, found, what, closing):
                return redirect("web:privacy_request", request_id=found.id)
        except RequestRefused as error:
            messages.error(request, str(error).partition("\n")[0])
            return redirect("web:privacy_request", request_id=found.id)
    lead = found.lead
    wants_erasure = lead is not None and found.kind == Right.ERASURE and found.is_open
    context = {
        "page_title": _("Request: %(right)s") % {"right": found.get_kind_display()},
        "row": _row(found, staff),
        "request_": found,
        "law": requests.law_of(found),
        "steps": [_step(each, staff) for each in requests.steps_of(found)],
        "parts": [
            {
                "part": part,
                "label": part.label or _("Numbers and figures of our own"),
                "outcome": OUTCOMES[part.fate.outcome],
            }
            for part in preview_erasure(workspace_id=staff.workspace.id, lead_id=lead.id, at=staff.at)
        ]
        if wants_erasure and lead
        else [],
        "is_erased": lead is not None
        and Erasure.objects.filter(workspace_id=staff.workspace.id, lead_id=lead.id).exists(),
        "closing": closing,
        "may_answer": staff.role in MAY_ANSWER and found.is_open,
        "may_extend": found.extended_at is None and found.days_left(requests.today(staff.workspace, staff.at)) >= 0,
        "now": staff.at,
    }
    return render(request, "web/privacy_request.html", context, status=422 if request.method == "POST" else 200)


@require_POST
@staff_screen(posts=MAY_ANSWER)
def export(request: StaffRequest, request_id: int) -> HttpResponse:
    """All that is held about the person, in their language."""
    staff, found = request.staff, find(request, request_id)
    if found.lead_id is None:
        raise Http404
    content = export_person(
        workspace_id=staff.workspace.id, lead_id=found.lead_id, at=staff.at, by=staff.actor, language=found.language
    )  # fmt: skip
    if found.is_open:
        requests.note_export(workspace_id=staff.workspace.id, request_id=found.id, at=staff.at, by=staff.actor)
    answer = HttpResponse(content, content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="person-{found.lead_id}.zip"'
    return answer


@require_safe
@staff_screen()
def evidence(request: StaffRequest, step_id: int) -> HttpResponse:
    """The file that a request was closed with."""
    staff = request.staff
    found = PrivacyText.objects.filter(workspace_id=staff.workspace.id, step_id=step_id).exclude(content=None).first()
    if found is None or found.content is None:
        raise Http404
    if staff.role not in MAY_ANSWER:
        return not_your_role(request)
    answer = HttpResponse(bytes(found.content), content_type="application/octet-stream")
    answer["Content-Disposition"] = content_disposition_header(True, found.file_name) or "attachment"
    return answer


def find(request: StaffRequest, request_id: int) -> PrivacyRequest:
    found = PrivacyRequest.objects.filter(workspace_id=request.staff.workspace.id, id=request_id)
    one = found.select_related("lead", "closed_by").first()
    if one is None:
        raise Http404
    return one


def _receive(request: StaffRequest, form: NewRequestForm) -> PrivacyRequest | None:
    staff, given, lead = request.staff, form.cleaned_data, None
    if given["email"]:
        try:
            read_address(given["email"])
            lead = find_lead(workspace_id=staff.workspace.id, email=given["email"])
        except BadAddress:
            form.add_error("email", _("This is no e-mail address."))
            return None
        if lead is None:
            form.add_error("email", _("No lead has this address. Leave it empty, and write it under where to answer."))
            return None
    zone = ZoneInfo(staff.workspace.time_zone)
    received_at = min(datetime.combine(given["received_on"], time(12), zone).astimezone(UTC), staff.at)
    if given["received_on"] > requests.today(staff.workspace, staff.at):
        form.add_error("received_on", _("A request cannot be received in the future."))
        return None
    return requests.receive_request(
        workspace_id=staff.workspace.id, kind=given["kind"], way=given["way"], at=staff.at, by=staff.actor,
        lead_id=lead.id if lead else None, text=given["text"], contact=given["contact"], received_at=received_at,
    )  # fmt: skip


def _do(request: StaffRequest, found: PrivacyRequest, what: str, closing: CloseForm) -> bool:
    """False: the form that closes it is to be shown again. Raises RequestRefused."""
    staff, text = request.staff, request.POST.get("text", "")
    given: Json = {"workspace_id": staff.workspace.id, "request_id": found.id, "at": staff.at}
    if what == "identify":
        requests.identify(how=text, by=staff.actor, **given)
    elif what == "extend":
        requests.extend(reason=text, by=staff.actor, **given)
    elif what == "note":
        requests.add_note(text=text, by=staff.actor, **given)
    elif what == "name":
        requests.name_person(lead_id=_named(staff, text), by=staff.actor, **given)
    elif what == "erase":
        requests.erase_for(by=staff.actor, **given)
        messages.success(request, _("The person is erased. Say now how they were answered, and close the request."))
    elif what == "close":
        if not closing.is_valid():
            return False
        file = closing.cleaned_data["file"]
        shown = requests.Evidence(file.name, file.content_type or "", file.read()) if file else None
        requests.close(
            outcome=closing.cleaned_data["outcome"], text=closing.cleaned_data["text"], user=staff.user,
            evidence=shown, **given,
        )  # fmt: skip
        messages.success(request, _("The request is closed."))
    else:
        raise Http404
    return True


def _named(staff: Staff, email: str) -> int:
    try:
        lead = find_lead(workspace_id=staff.workspace.id, email=email)
    except BadAddress as error:
        raise RequestRefused(_("This is no e-mail address.")) from error
    if lead is None:
        raise RequestRefused(_("No lead has this address."))
    return lead.id


def _row(found: PrivacyRequest, staff: Staff) -> Json:
    left = found.days_left(requests.today(staff.workspace, staff.at))
    name = found.lead.full_name if found.lead else ""
    return {
        "request": found,
        "name": name if staff.sees_personal_data else mask(name),
        "left": left,
        "is_overdue": found.is_open and left < 0,
        "overdue_by": -left,
        "is_soon": found.is_open and 0 <= left <= SOON_DAYS,
    }


def _step(step: Any, staff: Staff) -> Json:
    words = {
        "received": _("received"), "acted": _("took effect at once"), "assigned": _("the person was named"),
        "identified": _("identity checked"), "extended": _("time extended"), "noted": _("note"),
        "exported": _("data taken out"), "erased": _("erased"), "closed": _("closed"),
    }  # fmt: skip
    written = getattr(step, "written", None)
    user = User.objects.filter(id=step.by.removeprefix("user:")).first() if step.by.startswith("user:") else None
    by = str(user) if user else _("the person") if step.by == requests.BY_PERSON else step.by
    return {
        "step": step,
        "words": words.get(step.what, step.what),
        "by": by,
        "text": written.text if written and staff.sees_personal_data else "",
        "file": written.file_name if written and written.content is not None else "",
    }
