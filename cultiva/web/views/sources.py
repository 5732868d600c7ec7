"""Sources of events: who may send, with which keys, and how a site or a server is connected."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.validators import RegexValidator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.models import Role
from cultiva.consent.cookie_notices import current_notice
from cultiva.events.models import EventSource, WriteKey
from cultiva.events.seen import names_seen
from cultiva.events.source_changes import (
    BadOrigin,
    SourceKeyTaken,
    add_source,
    add_write_key,
    change_source,
    read_origins,
    resume_source,
    revoke_write_key,
    stop_source,
)
from cultiva.events.sources import PREFIX, source_activity
from cultiva.web.snippets import script_snippet, server_snippets, site_policy
from cultiva.web.staff import StaffRequest, staff_screen

MAY_CHANGE = frozenset({Role.OWNER, Role.MARKETING})
KINDS = [
    ("site", gettext_lazy("A website, seen by the browsers of those who visit it")),
    ("server", gettext_lazy("A server, app or job, seen by itself")),
]
BASES = [
    ("", gettext_lazy("Not declared")),
    ("consent", gettext_lazy("Their consent, asked where the data is gathered")),
    ("contract", gettext_lazy("A contract with them, or steps they asked for before one")),
    ("legitimate_interest", gettext_lazy("A legitimate interest that was weighed")),
    ("legal_obligation", gettext_lazy("A duty by law")),
]


class BasisFields(forms.Form):
    """On what grounds a server or a shop tells of people."""

    basis = forms.ChoiceField(
        label=gettext_lazy("Why it may tell of people"), choices=BASES, required=False,
        help_text=gettext_lazy("Of a server or a shop. A website asks its visitors itself."),
    )  # fmt: skip
    basis_note = forms.CharField(
        label=gettext_lazy("Where that is written down"), max_length=300, required=False,
        help_text=gettext_lazy("The contract, the notice, or the assessment of the interest."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("basis") == "legitimate_interest" and not found.get("basis_note"):
            self.add_error("basis_note", _("A legitimate interest is weighed in writing. Name the assessment."))
        return found


class NewSourceForm(BasisFields):
    field_order = ("name", "kind", "basis", "basis_note", "key")
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    kind = forms.ChoiceField(
        label=gettext_lazy("What sends"), choices=KINDS, initial="site", widget=forms.RadioSelect(),
    )  # fmt: skip
    key = forms.SlugField(
        label=gettext_lazy("Short name"), max_length=60, required=False,
        help_text=gettext_lazy("In lists, exports and commands. Left empty, it is made from the name."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        found["key"] = found.get("key") or slugify(found.get("name", ""))[:60]
        if found.get("name") and not found["key"] and "key" not in self.errors:
            self.add_error("key", _("No short name can be made of this name. Give one in a–z, 0–9 and -."))
        if found.get("kind") == "server" and not found.get("basis"):
            self.add_error("basis", _("A server tells of people who are not asked by it. Say why it may."))
        return found


class SourceForm(BasisFields):
    field_order = ("name", "basis", "basis_note")
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    allowed_origins = forms.CharField(
        label=gettext_lazy("Websites that may send"), required=False, max_length=10_000,
        widget=forms.Textarea({"rows": 3, "placeholder": "https://www.example.com", "spellcheck": "false"}),
        help_text=gettext_lazy("One address a line: scheme and host. Left empty, browsers may send from any website."),
    )  # fmt: skip
    requires_tracking_consent = forms.BooleanField(
        label=gettext_lazy("Only store what visitors consented to"), required=False,
        help_text=gettext_lazy("Events that do not say so are counted and not stored."),
    )  # fmt: skip
    consent_category = forms.CharField(
        label=gettext_lazy("Name of the consent"), max_length=60,
        validators=[RegexValidator(r"^[A-Za-z0-9_.-]+$", gettext_lazy("Letters, digits and _ . - only."))],
        help_text=gettext_lazy("The category of your consent banner that covers tracking; usually analytics."),
    )  # fmt: skip
    makes_leads = forms.BooleanField(
        label=gettext_lazy("Unknown people become leads"), required=False,
        help_text=gettext_lazy("Where a secret key names a person whom nobody knows yet. Never by a publishable key."),
    )  # fmt: skip
    requests_per_second = forms.IntegerField(
        label=gettext_lazy("Requests a second, at most"), min_value=1, max_value=1_000_000,
        help_text=gettext_lazy("For each key. Those beyond are asked to come back."),
    )  # fmt: skip

    def __init__(self, *args: Any, kind: str = "site", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in BasisFields.base_fields if kind == "site" else ():
            del self.fields[name]

    def clean_allowed_origins(self) -> list[str]:
        try:
            return read_origins(self.cleaned_data["allowed_origins"])
        except BadOrigin as error:
            raise forms.ValidationError(
                _("“%(origin)s” is not like https://www.example.com: a scheme and a host, without a path.")
                % {"origin": str(error)}
            ) from error


@require_safe
@staff_screen()
def source_list(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    activity = source_activity(
        workspace_id=staff.workspace.id, at=staff.at, time_zone=staff.workspace.time_zone
    )  # fmt: skip
    found = EventSource.objects.filter(workspace_id=staff.workspace.id).order_by("stopped_at", "name", "id")
    context = {
        "page_title": _("Sources"),
        "rows": [{"source": source, "activity": activity.get(source.id)} for source in found],
        "may_change": staff.role in MAY_CHANGE,
        "now": staff.at,
    }
    return render(request, "web/sources.html", context)


@staff_screen(posts=MAY_CHANGE)
def new_source(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    form = NewSourceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            source, write_key = add_source(
                workspace_id=staff.workspace.id, by=staff.actor, at=staff.at, **form.cleaned_data
            )
        except SourceKeyTaken:
            form.add_error("key", _("Another source has this short name."))
        else:
            if source.kind == "site":
                return redirect("web:source_snippet", source_id=source.id)
            return source_page(
                request, source, SourceForm(initial=initial_of(source), kind=source.kind), secret=write_key
            )
    context = {"page_title": _("New source"), "form": form, "may_change": staff.role in MAY_CHANGE}
    return render(request, "web/source_new.html", context, status=422 if form.errors else 200)


@staff_screen(posts=MAY_CHANGE)
def source(request: StaffRequest, source_id: int) -> HttpResponse:
    staff, found = request.staff, find(request, source_id)
    form = SourceForm(request.POST if request.method == "POST" else None, initial=initial_of(found), kind=found.kind)
    if request.method == "POST" and form.is_valid():
        change_source(source=found, settings=form.cleaned_data, by=staff.actor, at=staff.at)
        messages.success(request, _("Saved."))
        return redirect("web:source", source_id=found.id)
    return source_page(request, found, form)


def initial_of(source: EventSource) -> dict[str, Any]:
    fields = {name: getattr(source, name) for name in SourceForm.base_fields}
    return fields | {"allowed_origins": "\n".join(source.allowed_origins)}


def source_page(request: StaffRequest, source: EventSource, form: SourceForm, secret: str = "") -> HttpResponse:
    """`secret`: a key that was made a moment ago; it is shown on this page and never again."""
    staff = request.staff
    activity = source_activity(workspace_id=staff.workspace.id, at=staff.at, time_zone=staff.workspace.time_zone)
    context = {
        "page_title": source.name,
        "source": source,
        "form": form,
        "activity": activity[source.id],
        "keys": WriteKey.objects.filter(workspace_id=source.workspace_id, source_id=source.id).order_by(
            "-revoked_at", "-id"
        ),
        "basis": dict(BASES)[source.basis],
        "secret": secret,
        "snippets": server_snippets(secret) if secret else [],
        "may_change": staff.role in MAY_CHANGE,
        "now": staff.at,
    }
    return render(request, "web/source.html", context, status=422 if form.errors else 200)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def new_key(request: StaffRequest, source_id: int) -> HttpResponse:
    staff, found = request.staff, find(request, source_id)
    kind = request.POST.get("kind", "")
    if kind not in PREFIX:
        raise Http404
    _row, write_key = add_write_key(source=found, kind=kind, by=staff.actor, at=staff.at)
    if kind == "publishable":
        messages.success(request, _("The new key is good from now on. The others are too, until you revoke them."))
        return redirect("web:source", source_id=found.id)
    return source_page(request, found, SourceForm(initial=initial_of(found), kind=found.kind), secret=write_key)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def revoke_key(request: StaffRequest, source_id: int, key_id: int) -> HttpResponse:
    staff, found = request.staff, find(request, source_id)
    if not revoke_write_key(source=found, key_id=key_id, by=staff.actor, at=staff.at):
        raise Http404
    messages.success(request, _("The key is revoked. What is sent with it is refused."))
    return redirect("web:source", source_id=found.id)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def stop(request: StaffRequest, source_id: int) -> HttpResponse:
    staff, found = request.staff, find(request, source_id)
    if request.POST.get("resume"):
        resume_source(source=found, by=staff.actor, at=staff.at)
        messages.success(request, _("The source is taken from again."))
    else:
        stop_source(source=found, by=staff.actor, at=staff.at)
        messages.success(request, _("The source is stopped. What it sent stays; what it sends now is refused."))
    return redirect("web:source", source_id=found.id)


@require_safe
@staff_screen()
def snippet(request: StaffRequest, source_id: int) -> HttpResponse:
    found = find(request, source_id)
    key = (
        WriteKey.objects.filter(
            workspace_id=found.workspace_id, source_id=found.id, kind="publishable", revoked_at=None
        )
        .order_by("-id")
        .first()
    )
    asks = current_notice(found.workspace_id) is not None
    context = {
        "page_title": _("Connect %(name)s") % {"name": found.name},
        "source": found,
        "key": key,
        "script": script_snippet(key.shown, found.consent_category, asks=asks) if key else "",
        "asks": asks,
        "policy": site_policy(),
        "snippets": server_snippets("", publishable=key.shown if key else ""),
        "public_url": settings.PUBLIC_URL,
        "may_change": request.staff.role in MAY_CHANGE,
        **received_facts(request, found),
    }
    return render(request, "web/source_snippet.html", context)


@require_safe
@staff_screen()
def received(request: StaffRequest, source_id: int) -> HttpResponse:
    """Whether anything has come yet; htmx asks again until it has."""
    return render(request, "web/_received.html", received_facts(request, find(request, source_id)))


def received_facts(request: StaffRequest, source: EventSource) -> dict[str, Any]:
    staff = request.staff
    names = names_seen(workspace_id=staff.workspace.id, source_id=source.id)
    activity = source_activity(workspace_id=staff.workspace.id, at=staff.at, time_zone=staff.workspace.time_zone)
    return {"source": source, "latest": names[0] if names else None, "activity": activity[source.id], "now": staff.at}


def find(request: StaffRequest, source_id: int) -> EventSource:
    found = EventSource.objects.filter(workspace_id=request.staff.workspace.id, id=source_id).first()
    if found is None:
        raise Http404
    return found
