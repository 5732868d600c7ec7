"""API keys: made, shown once, revoked."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from cultiva.accounts.actions import AccountError
from cultiva.accounts.api_keys import (
    ALL_SCOPES,
    MOST_REQUESTS_A_MINUTE,
    REQUESTS_A_MINUTE,
    SCOPES,
    api_keys_of,
    create_api_key,
    revoke_api_key,
)
from cultiva.accounts.models import ApiKey, Role, User
from cultiva.web.staff import StaffRequest, staff_screen

SCOPE_LABELS = {
    ALL_SCOPES: gettext_lazy("Everything"),
    "leads:read": gettext_lazy("Read leads"),
    "leads:write": gettext_lazy("Make and change leads"),
    "consents:read": gettext_lazy("Read consents, with their proof"),
    "consents:write": gettext_lazy("Record consents and withdrawals"),
    "events:read": gettext_lazy("Read events and sources"),
    "scores:read": gettext_lazy("Read scores and their reasons"),
    "scores:write": gettext_lazy("Rehearse scoring models"),
    "companies:read": gettext_lazy("Read companies"),
    "companies:write": gettext_lazy("Make and change companies"),
    "attributes:read": gettext_lazy("Read attributes"),
    "attributes:write": gettext_lazy("Make and change attributes"),
    "documents:read": gettext_lazy("Read forms, models, workflows and the like, and plan files"),
    "documents:write": gettext_lazy("Publish and take out forms, models, workflows and the like"),
    "segments:read": gettext_lazy("Read segments and who is in them"),
    "segments:write": gettext_lazy("Make and change segments, and who is in them by hand"),
    "campaigns:read": gettext_lazy("See campaigns and what came of them"),
    "campaigns:write": gettext_lazy("Make and change campaigns"),
    "magnets:read": gettext_lazy("Read lead magnets and who got them"),
    "magnets:write": gettext_lazy("Give lead magnets and redeem codes"),
    "bulk:read": gettext_lazy("See bulk actions"),
    "bulk:write": gettext_lazy("Do something with many leads at once, and undo it"),
    "exports:read": gettext_lazy("Export leads to files"),
    "merge": gettext_lazy("Merge leads"),
}
LIVES = [
    ("30", gettext_lazy("in 30 days")),
    ("90", gettext_lazy("in 90 days")),
    ("365", gettext_lazy("in a year")),
    ("", gettext_lazy("never")),
]


class KeyForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("What it is for"), max_length=120,
        widget=forms.TextInput({"placeholder": gettext_lazy("CRM, Zapier, nightly export…"), "autocomplete": "off"}),
    )  # fmt: skip
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("It may"),
        choices=[(scope, SCOPE_LABELS[scope]) for scope in (ALL_SCOPES, *SCOPES)],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Tick at least one: a key that may do nothing is of no use.")},
    )
    expires = forms.ChoiceField(label=gettext_lazy("It ends"), choices=LIVES, required=False, initial="365")
    requests_per_minute = forms.IntegerField(
        label=gettext_lazy("Requests a minute"), min_value=1, max_value=MOST_REQUESTS_A_MINUTE,
        initial=REQUESTS_A_MINUTE,
    )  # fmt: skip


@staff_screen(posts=[Role.OWNER])
def api_keys(request: StaffRequest) -> HttpResponse:
    """The list, and the form that makes one. The secret is in the answer to the post and nowhere else."""
    form = KeyForm(request.POST or None)
    secret = make_key(request, form) if request.method == "POST" and form.is_valid() else None
    context = {
        "page_title": _("API keys"),
        "keys": [key_row(key, request) for key in api_keys_of(request.staff.workspace.id)],
        "form": KeyForm() if secret else form,
        "secret": secret,
        "may_act": request.staff.role == Role.OWNER,
        "now": request.staff.at,
    }
    return render(request, "web/api_keys.html", context, status=422 if request.method == "POST" and not secret else 200)


def make_key(request: StaffRequest, form: KeyForm) -> str | None:
    given, staff = form.cleaned_data, request.staff
    try:
        _key, secret = create_api_key(
            workspace_id=staff.workspace.id,
            name=given["name"],
            scopes=given["scopes"],
            requests_per_minute=given["requests_per_minute"],
            expires_at=staff.at + timedelta(days=int(given["expires"])) if given["expires"] else None,
            by=staff.actor,
            at=staff.at,
        )
    except AccountError as error:
        form.add_error(None, str(error))
        return None
    return secret


def key_row(key: ApiKey, request: StaffRequest) -> dict[str, Any]:
    is_over = key.revoked_at is not None or bool(key.expires_at and key.expires_at <= request.staff.at)
    maker = key.created_by.removeprefix("user:")
    by = User.objects.filter(id=maker).first() if maker.isdigit() else None
    return {
        "key": key,
        "scopes": [SCOPE_LABELS.get(scope, scope) for scope in key.scopes],
        "by": by or key.created_by,
        "is_over": is_over,
    }


@require_POST
@staff_screen(posts=[Role.OWNER])
def revoke(request: StaffRequest, key_id: int) -> HttpResponse:
    staff = request.staff
    try:
        key = revoke_api_key(workspace_id=staff.workspace.id, key_id=key_id, by=staff.actor, at=staff.at)
    except AccountError as error:
        raise Http404 from error
    messages.success(request, _("%(name)s is revoked. Programs that use it are refused from now on.") % {"name": key})
    return redirect("web:api_keys")
