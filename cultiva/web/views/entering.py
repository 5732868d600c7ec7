"""Leads that staff write down, whom they must tell of it, and what they saw leads do on social networks."""

import uuid
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from cultiva.capture.entering import CannotEnter, Entry, enter_lead, find_duplicates, mark_notified, notices_due
from cultiva.capture.social import ACTIONS, NETWORKS, social_event
from cultiva.events.actions import record_events
from cultiva.leads.actions import BadAddress, BadPhone, LeadConflict
from cultiva.leads.models import Lead
from cultiva.web.staff import EVERYDAY, StaffRequest, staff_screen
from cultiva.web.views.leads import mask
from cultiva.web.words import action_words

HOW = [
    (gettext_lazy("They gave it to us themselves"), [
        ("met", gettext_lazy("In person")), ("call", gettext_lazy("On the telephone")),
        ("event", gettext_lazy("At a fair or event")), ("card", gettext_lazy("With their card")),
    ]),
    (gettext_lazy("Somebody else did: they must be told within 30 days"), [
        ("referral", gettext_lazy("A customer recommended them")), ("colleague", gettext_lazy("A colleague of theirs")),
        ("public", gettext_lazy("A public source, such as their website")), ("other", gettext_lazy("Another way")),
    ]),
]  # fmt: skip
HOW_WORDS = {key: words for _group, choices in HOW for key, words in choices}
BASIS = [
    ("none", gettext_lazy("None yet: we only note who they are")),
    ("pre_contract", gettext_lazy("They asked us for an offer or an answer")),
    ("contract", gettext_lazy("A contract in force")),
    ("interest", gettext_lazy("Our legitimate interest, which we have assessed")),
]
NAMES = ("first_name", "last_name", "company", "job_title")


class EntryForm(forms.Form):
    first_name = forms.CharField(label=gettext_lazy("First name"), max_length=120, required=False)
    last_name = forms.CharField(label=gettext_lazy("Last name"), max_length=120, required=False)
    email = forms.CharField(
        label=gettext_lazy("E-mail"), max_length=254, required=False,
        widget=forms.EmailInput({"autocomplete": "off"}),
    )  # fmt: skip
    phone = forms.CharField(
        label=gettext_lazy("Phone"), max_length=40, required=False, widget=forms.TextInput({"type": "tel"})
    )
    company = forms.CharField(label=gettext_lazy("Company"), max_length=160, required=False)
    job_title = forms.CharField(label=gettext_lazy("Job title"), max_length=120, required=False)
    how = forms.ChoiceField(label=gettext_lazy("How did you get their data?"), choices=HOW)
    detail = forms.CharField(
        label=gettext_lazy("Where, and by whom"), max_length=300, required=False,
        widget=forms.TextInput({"placeholder": gettext_lazy("Stand at the fair, recommended by …")}),
    )  # fmt: skip
    obtained_on = forms.DateField(label=gettext_lazy("On which day"), widget=forms.DateInput({"type": "date"}))
    basis = forms.ChoiceField(
        label=gettext_lazy("Legal basis"), choices=BASIS,
        help_text=gettext_lazy("Marketing mail takes a box that they tick themselves, or a contract."),
    )  # fmt: skip
    contract = forms.CharField(
        label=gettext_lazy("Number of the contract"), max_length=120, required=False,
        help_text=gettext_lazy("Where a contract is the basis."),
    )  # fmt: skip

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean_obtained_on(self) -> date:
        found: date = self.cleaned_data["obtained_on"]
        if found > self.today:
            raise forms.ValidationError(_("This day is still to come."))
        return found


@staff_screen(posts=EVERYDAY)
def new_lead(request: StaffRequest) -> HttpResponse:
    """Before it is saved, whoever has the same address or telephone is shown."""
    staff = request.staff
    given = request.POST if request.method == "POST" else None
    form = EntryForm(given, today=staff.at.date(), initial={"obtained_on": staff.at.date()})
    same: list[Lead] = []
    if request.method == "POST" and form.is_valid():
        try:
            same = _duplicates(request, form)
            if not same or request.POST.get("seen") == _ids(same):
                return _save(request, form)
        except BadAddress as error:
            form.add_error("email", _plain(error))
        except BadPhone as error:
            form.add_error("phone", _plain(error))
        except CannotEnter as error:
            form.add_error("contract" if form.cleaned_data["email"] or form.cleaned_data["phone"] else "email",
                           " ".join((error.problem, error.hint)))  # fmt: skip
        except LeadConflict as error:
            form.add_error(None, _plain(error))
    context = {
        "page_title": _("Enter a lead"), "form": form, "same": same, "seen": _ids(same),
        "is_one": any(each.email_key for each in same) and bool(form.is_bound and form.cleaned_data.get("email"))
        and _is_theirs(same, form),
        "may_change": staff.role in EVERYDAY,
    }  # fmt: skip
    return render(request, "web/lead_new.html", context, status=422 if form.errors else 200)


@require_safe
@staff_screen()
def notices(request: StaffRequest) -> HttpResponse:
    """Whom we must tell that we have their data, and by when."""
    staff = request.staff
    rows = [
        {
            "origin": each,
            "name": each.lead.full_name if staff.sees_personal_data else mask(each.lead.full_name),
            "how": HOW_WORDS.get(each.how, each.how),
            "is_late": each.notice_due_on is not None and each.notice_due_on < staff.at.date(),
        }
        for each in notices_due(workspace_id=staff.workspace.id)
    ]
    context = {"page_title": _("Notices due"), "rows": rows, "may_change": staff.role in EVERYDAY}
    return render(request, "web/notices_due.html", context)


@require_POST
@staff_screen(posts=EVERYDAY)
def told(request: StaffRequest, origin_id: int) -> HttpResponse:
    if mark_notified(workspace_id=request.staff.workspace.id, origin_id=origin_id, at=request.staff.at):
        messages.success(request, _("Noted: they have been told."))
    return redirect("web:notices_due")


@require_POST
@staff_screen(posts=EVERYDAY)
def note_social(request: StaffRequest, lead_id: int) -> HttpResponse:
    """What a colleague saw them do: a network and an act."""
    staff = request.staff
    network, action = request.POST.get("network", ""), request.POST.get("action", "")
    if not Lead.objects.filter(workspace_id=staff.workspace.id, id=lead_id, merged_into=None).exists():
        raise Http404
    if network not in NETWORKS or action not in ACTIONS:
        messages.error(request, _("Choose the network first, then what they did."))
        return redirect("web:lead", lead_id=lead_id)
    event = social_event(
        message_id=str(uuid.uuid4()), network=network, action=action, url="", at=staff.at, lead_id=lead_id, by="staff"
    )
    record_events(workspace_id=staff.workspace.id, events=[event], received_at=staff.at)
    messages.success(request, f"{NETWORKS[network]}: {action_words()[action]}")
    return redirect("web:lead", lead_id=lead_id)


def _duplicates(request: StaffRequest, form: EntryForm) -> list[Lead]:
    workspace, given = request.staff.workspace, form.cleaned_data
    return find_duplicates(
        workspace_id=workspace.id, email=given["email"], phone=given["phone"], time_zone=workspace.time_zone
    )


def _save(request: StaffRequest, form: EntryForm) -> HttpResponse:
    staff, given = request.staff, form.cleaned_data
    entry = Entry(
        how=given["how"], basis=given["basis"], obtained_on=given["obtained_on"], email=given["email"],
        phone=given["phone"], detail=given["detail"], contract=given["contract"],
        attributes={name: given[name] for name in NAMES if given[name]},
    )  # fmt: skip
    lead, is_new = enter_lead(workspace_id=staff.workspace.id, entry=entry, by=staff.actor, at=staff.at)
    messages.success(request, _("The lead is there.") if is_new else _("Added to the lead who was there already."))
    return redirect("web:lead", lead_id=lead.id)


def _ids(leads: list[Lead]) -> str:
    return ",".join(str(each.id) for each in leads)


def _is_theirs(same: list[Lead], form: EntryForm) -> bool:
    """Whether the address itself is known: then there is no second lead to be made."""
    return any((each.email or "").casefold() == form.cleaned_data["email"].strip().casefold() for each in same)


def _plain(error: Exception) -> str:
    return str(error).replace("\nhint:", "")
