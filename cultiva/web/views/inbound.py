"""Inbound connectors: where ad networks and other programs send leads, what their fields mean, what waits."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.models import Role
from cultiva.capture.connectors.actions import (
    change_inbound,
    counts_of,
    create_inbound,
    meanings_of,
    new_secret,
    quarantine_of,
    sample_of,
    save_mapping,
    stop_inbound,
)
from cultiva.capture.connectors.mapping import apply, box_choices, words_of
from cultiva.capture.connectors.receiving import address_of, verify_word
from cultiva.capture.connectors.taking import discard, retry
from cultiva.capture.models import Inbound
from cultiva.leads.attributes import definitions
from cultiva.lib.documents import DocumentError
from cultiva.lib.plugins import plugin, plugins
from cultiva.lib.secrets import LostSecret, decrypt
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.words import attribute_label

MAY_CHANGE = frozenset({Role.OWNER, Role.MARKETING})
UNDECIDED = "?"


class NewInboundForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    kind = forms.ChoiceField(label=gettext_lazy("Who sends"), widget=forms.RadioSelect(), initial="meta")
    secret = forms.CharField(
        label=gettext_lazy("Secret"), max_length=500, required=False,
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Of Meta: the app secret. Of Google and others: left empty, one is made for you."),
    )  # fmt: skip
    token = forms.CharField(
        label=gettext_lazy("Access token of the page"), max_length=1000, required=False,
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Only of Meta: with it the answers are fetched."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["kind"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(kind, each.label) for kind, each in plugins("inbound").items()]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("kind") == "meta" and not found.get("secret"):
            self.add_error("secret", _("Meta signs with the secret of your app: copy it from the app's settings."))
        return found


class ChangeForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    secret = forms.CharField(
        label=gettext_lazy("New secret"), max_length=500, required=False,
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Left empty, it stays as it is."),
    )  # fmt: skip
    token = forms.CharField(
        label=gettext_lazy("New access token"), max_length=1000, required=False,
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Left empty, it stays as it is."),
    )  # fmt: skip


@require_safe
@staff_screen()
def inbound_list(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    counts = counts_of(staff.workspace.id)
    found = Inbound.objects.filter(workspace_id=staff.workspace.id).order_by("stopped_at", "name", "id")
    context = {
        "page_title": _("Connectors"),
        "rows": [
            {"inbound": each, "label": plugin("inbound", each.kind).label, "counts": counts.get(each.id, {})}
            for each in found
        ],
        "now": staff.at,
        "may_change": staff.role in MAY_CHANGE,
    }
    return render(request, "web/inbounds.html", context)


@staff_screen(posts=MAY_CHANGE)
def new_inbound(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    form = NewInboundForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        made = create_inbound(
            workspace_id=staff.workspace.id, kind=given["kind"], name=given["name"],
            secret=given["secret"] or new_secret(), token=given["token"], by=staff.actor, at=staff.at,
        )  # fmt: skip
        return redirect("web:inbound", inbound_id=made.id)
    context = {"page_title": _("New connector"), "form": form, "may_change": staff.role in MAY_CHANGE}
    return render(request, "web/inbound_new.html", context, status=422 if form.errors else 200)


@staff_screen(posts=MAY_CHANGE)
def inbound(request: StaffRequest, inbound_id: int) -> HttpResponse:
    found, staff = find(request, inbound_id), request.staff
    form = ChangeForm(request.POST if request.method == "POST" else None, initial={"name": found.name})
    if request.method == "POST" and form.is_valid():
        change_inbound(inbound=found, by=staff.actor, at=staff.at, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("web:inbound", inbound_id=found.id)
    return inbound_page(request, found, form)


def inbound_page(
    request: StaffRequest, found: Inbound, form: ChangeForm | None = None, problems: list[str] | None = None
) -> HttpResponse:
    staff, kind = request.staff, plugin("inbound", found.kind)
    sample = sample_of(found) if staff.sees_personal_data else {}
    chosen = chosen_in(request) if problems else {}
    meanings = {**meanings_of(found, sample), **chosen}
    is_mine = staff.role in MAY_CHANGE
    context = {
        "page_title": found.name,
        "inbound": found,
        "label": kind.label,
        "needs_token": kind.needs_token and not found.token,
        "address": address_of(found),
        "verify_word": verify_word(found) if found.kind == "meta" and is_mine else "",
        "secret": secret_of(found) if found.kind != "meta" and is_mine else "",
        "fields": [
            {"number": n, "name": name, "value": shown(value), "target": meanings.get(name, UNDECIDED)}
            for n, (name, value) in enumerate(sample.items())
        ],
        "targets": targets(staff.workspace.id),
        "result": result_of(found, sample, meanings),
        "counts": counts_of(staff.workspace.id).get(found.id, {}),
        "quarantine": quarantine_of(found),
        "form": form or ChangeForm(initial={"name": found.name}),
        "problems": problems or [],
        "now": staff.at,
        "may_change": is_mine,
    }
    return render(request, "web/inbound.html", context, status=422 if problems or (form and form.errors) else 200)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def mapping(request: StaffRequest, inbound_id: int) -> HttpResponse:
    """Saves what each field means; what waited is tried again."""
    found, staff = find(request, inbound_id), request.staff
    decided = {name: target for name, target in chosen_in(request).items() if target != UNDECIDED}
    kept = {name: target for name, target in found.mapping.items() if name not in chosen_in(request)}
    try:
        again = save_mapping(inbound=found, document=kept | decided, by=staff.actor, at=staff.at)
    except DocumentError as error:
        return inbound_page(request, found, problems=[str(each) for each in error.errors])
    messages.success(request, _("Saved. %(n)s that waited are tried again.") % {"n": again} if again else _("Saved."))
    return redirect("web:inbound", inbound_id=found.id)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def preview(request: StaffRequest, inbound_id: int) -> HttpResponse:
    """What the last sample would make of a lead, as the fields are chosen now."""
    found = find(request, inbound_id)
    result = result_of(found, sample_of(found), {**meanings_of(found, sample_of(found)), **chosen_in(request)})
    return render(request, "web/_inbound_result.html", {"result": result})


@require_POST
@staff_screen(posts=MAY_CHANGE)
def quarantine(request: StaffRequest, inbound_id: int) -> HttpResponse:
    found, number = find(request, inbound_id), request.POST.get("fact", "")
    fact_id = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None
    if request.POST.get("what") == "discard" and fact_id:
        discard(inbound=found, fact_id=fact_id)
        messages.success(request, _("Thrown away; what it said is forgotten."))
    else:
        retry(inbound=found, at=request.staff.at, fact_id=fact_id)
        messages.success(request, _("It is tried again."))
    return redirect("web:inbound", inbound_id=found.id)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def stop(request: StaffRequest, inbound_id: int) -> HttpResponse:
    found, staff = find(request, inbound_id), request.staff
    stop_inbound(inbound=found, is_stopped=not request.POST.get("resume"), by=staff.actor, at=staff.at)
    return redirect("web:inbound", inbound_id=found.id)


def find(request: StaffRequest, inbound_id: int) -> Inbound:
    found = Inbound.objects.filter(workspace_id=request.staff.workspace.id, id=inbound_id).first()
    if found is None:
        raise Http404
    return found


def chosen_in(request: StaffRequest) -> dict[str, str]:
    """{field: target} as the screen posts them: name-0 with target-0."""
    names = {key[5:]: str(value) for key, value in request.POST.items() if key.startswith("name-")}
    return {name: request.POST.get(f"target-{n}", "").strip() for n, name in names.items()}


def targets(workspace_id: int) -> list[tuple[Any, list[tuple[str, Any]]]]:
    """What a field may mean, in groups."""
    attributes = definitions(workspace_id, "lead")
    usual = ("first_name", "last_name", "company", "job_title", "city", "province", "country", "phone")
    keys = list(dict.fromkeys([*usual, *attributes]))
    return [
        (_("Not used"), [(UNDECIDED, _("Not decided: kept beside the lead")), ("", _("Left aside"))]),
        (_("Who they are"), [
            ("email", _("E-mail")), ("phone", _("Phone")), ("external_id", _("Their id in your systems")),
            ("full_name", _("First and last name in one")), ("language", _("Language")),
        ]),
        (_("Attributes"), [
            (f"attribute:{key}", attributes[key].label if key in attributes and attributes[key].label
             else attribute_label(key)) for key in keys if key not in ("email",)
        ]),
        (_("A box that they ticked, with these words"), box_choices(workspace_id)),
        (_("On social networks"), [
            ("social_network", _("Network")), ("social_action", _("What they did")), ("social_url", _("Address of it")),
        ]),
        (_("About the message"), [
            ("id", _("Its own number: the same is taken once")), ("time", _("When they said so")),
            ("page", _("Address of the form")), ("ip", _("Their IP address")),
        ]),
    ]  # fmt: skip


def result_of(found: Inbound, sample: dict[str, Any], meanings: dict[str, str]) -> dict[str, Any]:
    """What the sample would make of a lead: {identifiers, attributes, boxes, others, extra, is_nobody}."""
    chosen = {name: target for name, target in meanings.items() if target != UNDECIDED and name in sample}
    try:
        mapped = apply(chosen, sample)
    except ValueError:  # a meaning that nobody could choose on the screen
        return {"is_nobody": True}
    return {
        "is_empty": not sample,
        "is_nobody": not mapped.identifiers,
        "identifiers": [(attribute_label(name), value) for name, value in mapped.identifiers.items()],
        "attributes": [(attribute_label(name), value) for name, value in mapped.attributes.items()],
        "boxes": [words_of(box, found.workspace_id) for box in mapped.boxes],
        "extra": sorted(mapped.extra),
    }


def shown(value: Any) -> str:
    return "" if value is None else str(value)[:120]


def secret_of(found: Inbound) -> str:
    try:
        return decrypt(found.secret)
    except LostSecret:
        return ""
