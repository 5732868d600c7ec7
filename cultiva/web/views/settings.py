"""The workspace's settings and the person's own."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cultiva.accounts.actions import AccountError, check_password_strength, record_audit
from cultiva.accounts.models import LANGUAGES, AuditEntry, Membership
from cultiva.consent.models import PolicyVersion
from cultiva.events.models import EventSource
from cultiva.lib.zones import time_zones
from cultiva.web.staff import ALL_ROLES, StaffRequest, staff_screen

ZONES = [(zone, zone.replace("_", " ")) for zone in sorted(time_zones()) if "/" in zone]


class MineForm(forms.Form):
    full_name = forms.CharField(label=gettext_lazy("Your name"), max_length=120)
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=LANGUAGES)
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=ZONES)


class PasswordForm(forms.Form):
    current = forms.CharField(
        label=gettext_lazy("Present password"), required=False, max_length=256, strip=False,
        help_text=gettext_lazy("Leave it empty if you never set one."),
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )  # fmt: skip
    new = forms.CharField(
        label=gettext_lazy("New password"), max_length=256, strip=False,
        help_text=gettext_lazy("At least 8 characters; a few words are better than a strange one."),
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )  # fmt: skip


@staff_screen(posts=ALL_ROLES)
def settings_page(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    what = request.POST.get("what")
    mine = MineForm(
        request.POST if what == "mine" else None,
        initial={f: getattr(staff.user, f) for f in ("full_name", "language", "time_zone")},
    )
    password = PasswordForm(request.POST if what == "password" else None)
    if what == "mine" and mine.is_valid():
        save_mine(request, mine)
        return redirect("web:settings")
    if what == "password" and password.is_valid() and change_password(request, password):
        return redirect("web:settings")
    context = {
        "page_title": _("Settings"),
        "mine": mine,
        "password": password,
        "members": Membership.objects.filter(workspace_id=staff.workspace.id)
        .select_related("user").order_by("user__full_name", "id"),
        "sources": EventSource.objects.filter(workspace_id=staff.workspace.id).order_by("key"),
        "policies": PolicyVersion.currents(staff.workspace.id),
        "audit": AuditEntry.objects.filter(workspace_id=staff.workspace.id).order_by("-id")[:15],
        "smtp": settings.SMTP,
        "public_url": settings.PUBLIC_URL,
        "now": staff.at,
    }  # fmt: skip
    return render(request, "web/settings.html", context, status=422 if what else 200)


def save_mine(request: StaffRequest, form: MineForm) -> None:
    user = request.staff.user
    for field, value in form.cleaned_data.items():
        setattr(user, field, value)
    user.save(update_fields=list(form.cleaned_data))
    messages.success(request, _("Saved."))


def change_password(request: StaffRequest, form: PasswordForm) -> bool:
    """Ends the person's other sessions: their hash of the password no longer fits."""
    user = request.staff.user
    if user.has_usable_password() and not user.check_password(form.cleaned_data["current"]):
        form.add_error("current", _("This is not your present password."))
        return False
    try:
        check_password_strength(form.cleaned_data["new"], user)
    except AccountError as error:
        form.add_error("new", str(error).partition("hint: ")[2])
        return False
    user.set_password(form.cleaned_data["new"])
    user.save(update_fields=["password"])
    update_session_auth_hash(request, user)
    record_audit(
        workspace_id=request.staff.workspace.id, actor=request.staff.actor, action="password.changed",
        at=request.staff.at,
    )  # fmt: skip
    messages.success(request, _("Your password is changed. Other places where you were signed in are signed out."))
    return True
