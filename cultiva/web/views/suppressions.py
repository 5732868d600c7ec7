"""The lists of who is not to be contacted: one's own, and exclusion registers."""

import csv

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.actions import record_audit
from cultiva.accounts.models import Role
from cultiva.consent.actions import suppress
from cultiva.consent.excluding import (
    BY_HAND,
    LIFTABLE,
    BadList,
    Counted,
    drop_exclusions,
    export_suppressions,
    import_suppressions,
    lift_suppression,
    read_exclusions,
)
from cultiva.consent.models import ExclusionList, Suppression
from cultiva.consent.rules import rules_of
from cultiva.leads.actions import BadAddress
from cultiva.lib.database import fetch_all
from cultiva.web.staff import StaffRequest, not_your_role, staff_screen

MAY_SUPPRESS = frozenset({Role.OWNER, Role.MARKETING, Role.PRIVACY})
SHOWN = 50  # on the page
MOST_BYTES = 100_000_000
REASONS = {
    "hard_bounce": gettext_lazy("bounced for good"), "complaint": gettext_lazy("complained"),
    "objection": gettext_lazy("objected"),
    "erasure": gettext_lazy("erased"), "manual": gettext_lazy("put here by hand"),
    "unsubscribed": gettext_lazy("left a list elsewhere"),
}  # fmt: skip


class SuppressForm(forms.Form):
    email = forms.EmailField(label=gettext_lazy("Address that must not be written to"))


class SuppressionFileForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("CSV of addresses, or of their SHA-256"),
        help_text=gettext_lazy(
            "In its first column an address, or the SHA-256 of one in small letters, in hexadecimal. In force at once."
        ),
    )
    reason = forms.ChoiceField(label=gettext_lazy("Why"), choices=[(each, REASONS[each]) for each in BY_HAND])


class RegisterForm(forms.Form):
    key = forms.SlugField(label=gettext_lazy("Register"), max_length=80)
    register = forms.FileField(
        label=gettext_lazy("File of the register"),
        help_text=gettext_lazy(
            "SHA-256 in hexadecimal, one a line: of the address in small letters, or of the telephone as +34600111222."
            " Plain ones are taken, too. It takes the place of the file before."
        ),
    )


@staff_screen(posts=MAY_SUPPRESS)
def suppressions(request: StaffRequest) -> HttpResponse:
    staff, what = request.staff, request.POST.get("what")
    registers = [each.key for each in rules_of(staff.workspace.id).jurisdiction.registers]
    one = SuppressForm(request.POST if what == "one" else None)
    many = SuppressionFileForm(request.POST, request.FILES) if what == "many" else SuppressionFileForm()
    first = {"key": "".join(registers[:1])}
    register = RegisterForm(request.POST, request.FILES) if what == "register" else RegisterForm(initial=first)
    done = {"one": suppress_one, "many": suppress_file, "register": take_register}
    form = {"one": one, "many": many, "register": register}.get(what or "")
    if form is not None and form.is_valid() and done[str(what)](request, form):
        return redirect("web:suppressions")
    counts = fetch_all(
        "SELECT reason, count(*) AS n FROM suppression WHERE workspace_id = %s GROUP BY 1 ORDER BY 2 DESC, 1",
        [staff.workspace.id],
    )
    newest = Suppression.objects.filter(workspace_id=staff.workspace.id).order_by("-created_at", "-id")[:SHOWN]
    context = {
        "page_title": _("Suppression list"),
        "one": one,
        "many": many,
        "register": register,
        "counts": [(REASONS.get(row["reason"], row["reason"]), row["n"]) for row in counts],
        "total": sum(row["n"] for row in counts),
        "rows": [
            {"row": row, "reason": REASONS.get(row.reason, row.reason), "may_lift": row.reason in LIFTABLE}
            for row in newest
        ],
        "lists": ExclusionList.objects.filter(workspace_id=staff.workspace.id).order_by("key"),
        "registers": registers,
        "may_suppress": staff.role in MAY_SUPPRESS,
        "now": staff.at,
    }  # fmt: skip
    return render(request, "web/suppressions.html", context, status=422 if what else 200)


def suppress_one(request: StaffRequest, form: forms.Form) -> bool:
    staff = request.staff
    try:
        suppress(workspace_id=staff.workspace.id, email=form.cleaned_data["email"], reason="manual", at=staff.at)
    except BadAddress as error:
        form.add_error("email", str(error))
        return False
    record_audit(workspace_id=staff.workspace.id, actor=staff.actor, action="suppression.added", at=staff.at)
    messages.success(request, _("This address is written to no more."))
    return True


def suppress_file(request: StaffRequest, form: forms.Form) -> bool:
    staff = request.staff
    content = read_upload(form, "file")
    if content is None:
        return False
    try:
        counted = import_suppressions(
            workspace_id=staff.workspace.id, content=content, reason=form.cleaned_data["reason"], by=staff.actor,
            at=staff.at,
        )  # fmt: skip
    except BadList as error:
        form.add_error("file", str(error).replace("\nhint: ", " "))
        return False
    tell_counted(request, counted)
    return True


def take_register(request: StaffRequest, form: forms.Form) -> bool:
    staff = request.staff
    content = read_upload(form, "register")
    if content is None:
        return False
    try:
        _made, counted = read_exclusions(
            workspace_id=staff.workspace.id, key=form.cleaned_data["key"], kind="register", content=content,
            by=staff.actor, at=staff.at,
        )  # fmt: skip
    except BadList as error:
        form.add_error("register", str(error).replace("\nhint: ", " "))
        return False
    tell_counted(request, counted)
    return True


def read_upload(form: forms.Form, name: str) -> bytes | None:
    file = form.cleaned_data[name]
    if file.size > MOST_BYTES:
        form.add_error(name, _("The file is larger than 100 MB. Split it."))
        return None
    content: bytes = file.read()
    return content


def tell_counted(request: StaffRequest, counted: Counted) -> None:
    messages.success(request, _("%(n)s lines are in force.") % {"n": formats.number_format(counted.rows)})
    if counted.refused_rows:
        lines = ", ".join(f"{number}: {value}" for number, value, _why in counted.refused[:5])
        said = _("%(n)s lines are neither an address, a telephone nor a SHA-256, and were left out: %(lines)s")
        messages.warning(request, said % {"n": counted.refused_rows, "lines": lines})


@require_POST
@staff_screen(posts=MAY_SUPPRESS)
def lift(request: StaffRequest, suppression_id: int) -> HttpResponse:
    staff = request.staff
    if lift_suppression(workspace_id=staff.workspace.id, suppression_id=suppression_id, by=staff.actor, at=staff.at):
        messages.success(request, _("The address is off the list."))
    return redirect("web:suppressions")


@require_POST
@staff_screen(posts=MAY_SUPPRESS)
def drop_list(request: StaffRequest, key: str) -> HttpResponse:
    staff = request.staff
    if drop_exclusions(workspace_id=staff.workspace.id, key=key, by=staff.actor, at=staff.at):
        messages.success(request, _("The list is gone."))
    return redirect("web:suppressions")


class Echo:
    """What csv writes to: the line itself."""

    def write(self, line: str) -> str:
        return line


@require_safe
@staff_screen()
def suppressions_csv(request: StaffRequest) -> HttpResponse:
    if request.staff.role not in MAY_SUPPRESS:
        return not_your_role(request)
    writer = csv.writer(Echo())
    content = "".join(writer.writerow(row) for row in export_suppressions(workspace_id=request.staff.workspace.id))
    answer = HttpResponse(content, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{request.staff.workspace.slug}-suppressions.csv"'
    return answer
