"""Imports: upload, mapping and basis, rehearsal, progress, what could not be taken, undo."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from cultiva.accounts.models import Membership, Role
from cultiva.capture.imports import running
from cultiva.capture.imports.mapping import BadPlan, Column, Plan
from cultiva.capture.imports.presets import EVENT_SPECIAL, PRESETS, SPECIAL
from cultiva.capture.imports.running import STATES, ImportRefused
from cultiva.capture.imports.tables import DELIMITERS, ENCODINGS, UnreadableFile
from cultiva.capture.imports.undoing import preview_undo, start_undo
from cultiva.capture.models import Import
from cultiva.consent.models import PurposeVersion
from cultiva.lib.zones import time_zones
from cultiva.web.staff import StaffRequest, not_your_role, staff_screen

MAY_IMPORT = frozenset({Role.OWNER, Role.MARKETING})
PREVIEW_ROWS = 6

COUNTS = {
    "rows": gettext_lazy("Rows"),
    "created": gettext_lazy("New"),
    "updated": gettext_lazy("Changed"),
    "unchanged": gettext_lazy("Without change"),
    "duplicate": gettext_lazy("Repeated in the file"),
    "invalid": gettext_lazy("Cannot be taken"),
    "suppressed": gettext_lazy("On the exclusion list"),
    "opted_out": gettext_lazy("Opt-outs"),
    "without_basis": gettext_lazy("Without basis"),
}
TARGETS = {
    "email": gettext_lazy("E-mail"),
    "phone": gettext_lazy("Telephone"),
    "external_id": gettext_lazy("Your own user id"),
    "language": gettext_lazy("Language"),
    "created_at": gettext_lazy("When the row's data were true"),
    "tags": gettext_lazy("Tags"),
    "unsubscribed": gettext_lazy("Unsubscribed"),
    "do_not_contact": gettext_lazy("Do not contact"),
    "bounced": gettext_lazy("Bounced"),
    "status": gettext_lazy("Subscription status"),
    "consent_time": gettext_lazy("Proof: when"),
    "consent_ip": gettext_lazy("Proof: IP address"),
    "consent_text": gettext_lazy("Proof: text"),
    "consent_version": gettext_lazy("Proof: version"),
    "confirmed_time": gettext_lazy("Confirmed: when"),
    "confirmed_ip": gettext_lazy("Confirmed: IP address"),
    "message_id": gettext_lazy("Message id"),
    "type": gettext_lazy("Type of event"),
    "event": gettext_lazy("Name of the event"),
    "user_id": gettext_lazy("User id"),
    "anonymous_id": gettext_lazy("Anonymous id"),
    "timestamp": gettext_lazy("When it happened"),
    "properties": gettext_lazy("Properties (JSON)"),
    "context": gettext_lazy("Context (JSON)"),
}
# One choice says the type and how it is written.
READINGS = {
    "text": (gettext_lazy("text"), Column()),
    "number.": (gettext_lazy("number, 1,234.5"), Column(type="number", decimal=".")),
    "number,": (gettext_lazy("number, 1.234,5"), Column(type="number", decimal=",")),
    "date-ymd": (gettext_lazy("date, 2026-12-31"), Column(type="date", order="ymd")),
    "date-dmy": (gettext_lazy("date, 31/12/2026"), Column(type="date", order="dmy")),
    "date-mdy": (gettext_lazy("date, 12/31/2026"), Column(type="date", order="mdy")),
    "date_time-ymd": (gettext_lazy("date and time, 2026-12-31"), Column(type="date_time", order="ymd")),
    "date_time-dmy": (gettext_lazy("date and time, 31/12/2026"), Column(type="date_time", order="dmy")),
    "date_time-mdy": (gettext_lazy("date and time, 12/31/2026"), Column(type="date_time", order="mdy")),
    "boolean": (gettext_lazy("yes or no"), Column(type="boolean")),
    "list": (gettext_lazy("list"), Column(type="list")),
}
BASES = [
    ("proof", gettext_lazy("Proof: the file says of each row when and from where consent was given")),
    ("declared", gettext_lazy("Declaration: a person of this workspace declares the consent and adds a document")),
    ("customers", gettext_lazy("Customers: there is a contract with them; no consent to marketing follows from it")),
    ("none", gettext_lazy("None yet: they are seen, but neither scored nor written to")),
]
DELIMITER_WORDS = {",": ",", ";": ";", "\t": gettext_lazy("tab"), "|": "|"}


class UploadForm(forms.Form):
    kind = forms.ChoiceField(
        label=gettext_lazy("What is in the file?"), initial="leads", widget=forms.RadioSelect,
        choices=[("leads", gettext_lazy("Leads")), ("events", gettext_lazy("Events"))],
    )  # fmt: skip
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("CSV, Excel (XLSX, XLS), Parquet, or the ZIP of a Mailchimp export; at most 200 MB."),
    )


class DialectForm(forms.Form):
    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), choices=[(e, e) for e in ENCODINGS])
    delimiter = forms.ChoiceField(
        label=gettext_lazy("Columns are parted by"), choices=[(d, DELIMITER_WORDS[d]) for d in DELIMITERS]
    )
    has_header = forms.BooleanField(label=gettext_lazy("The first row names the columns"), required=False)


class BasisForm(forms.Form):
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Times without a zone are those of"),
        choices=[(zone, zone.replace("_", " ")) for zone in sorted(time_zones())],
    )
    basis = forms.ChoiceField(
        label=gettext_lazy("Why may you work with these people?"), choices=BASES, widget=forms.RadioSelect,
        help_text=gettext_lazy("Whoever opted out, here or in the file, stays out whatever you choose."),
    )  # fmt: skip
    purposes = forms.MultipleChoiceField(
        label=gettext_lazy("What the proof or the declaration covers"), required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    consent_text = forms.CharField(
        label=gettext_lazy("Text people consented to"), required=False, max_length=4000,
        widget=forms.Textarea({"rows": 2}),
        help_text=gettext_lazy("Where the file has no column for it; kept with the proof."),
    )  # fmt: skip
    incomplete = forms.ChoiceField(
        label=gettext_lazy("Rows whose proof is not whole"),
        initial="reject",
        choices=[("reject", gettext_lazy("are not taken")), ("none", gettext_lazy("come in without basis"))],
    )
    declared_by = forms.ChoiceField(label=gettext_lazy("Who declares"), required=False)
    document = forms.FileField(
        label=gettext_lazy("Document of the declaration"), required=False,
        help_text=gettext_lazy("It is kept with the evidence."),
    )  # fmt: skip
    covers_confirmation = forms.BooleanField(
        label=gettext_lazy("The declaration says that the addresses were confirmed too"), required=False
    )

    def __init__(self, *args: Any, workspace_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        members = Membership.objects.filter(workspace_id=workspace_id).select_related("user")
        people = [(str(m.user_id), m.user.full_name) for m in members.order_by("user__full_name", "id")]
        self._choose("declared_by", [("", "–"), *people])
        self._choose("purposes", [(p.key, p.name) for p in PurposeVersion.currents(workspace_id)])

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices


@staff_screen()
def imports(request: StaffRequest) -> HttpResponse:
    runs = running.list_imports(workspace_id=request.staff.workspace.id)
    context = {
        "page_title": _("Imports"),
        "rows": [{"run": run, "state": STATES[run.state], "counts": shown_counts(run)} for run in runs],
        "now": request.staff.at,
        "may_import": request.staff.role in MAY_IMPORT,
    }
    return render(request, "web/imports.html", context)


@staff_screen(posts=MAY_IMPORT)
def new_import(request: StaffRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            run = running.create_import(
                workspace_id=request.staff.workspace.id, kind=form.cleaned_data["kind"], name=file.name, file=file,
                at=request.staff.at, created_by=request.staff.user,
            )  # fmt: skip
            return redirect("web:import_mapping", run.id)
        except UnreadableFile as error:
            form.add_error("file", on_page(error))
    context = {"page_title": _("New import"), "form": form}
    return render(request, "web/import_new.html", context, status=422 if form.errors else 200)


@require_GET
@staff_screen()
def too_large(request: StaffRequest, page: str) -> HttpResponse:
    """What the web process shows in the place of a form whose file was over its limit (`asgi.MAX_UPLOAD_BYTES`)."""
    context = {
        "title": _("The file is too large"),
        "text": _(
            "Up to 200 MB can be uploaded here; nothing was taken. Save a spreadsheet as CSV or split the file, or let "
            "whoever runs the server take it in whole, with the command: cultiva import"
        ),
        "link_url": f"/imports/{page}",
        "link_label": _("Back"),
    }
    return render(request, "web/message_page.html", context, status=413)


@staff_screen(posts=MAY_IMPORT)
def mapping(request: StaffRequest, import_id: int) -> HttpResponse:
    """What was detected, with the first rows; what each column means; on which basis."""
    run = import_or_404(request, import_id)
    if not request.staff.sees_personal_data:
        return not_your_role(request)
    if run.state not in ("uploaded", "checked"):
        return redirect("web:import", run.id)
    if request.POST.get("what") == "dialect":
        return change_dialect(request, run)
    columns, rows = running.look_at(run=run, rows=PREVIEW_ROWS)
    plan = Plan.from_json(run.plan) if run.plan else suggested(request, run)
    basis = BasisForm(
        request.POST or None, request.FILES or None, workspace_id=run.workspace_id, initial=initial_basis(run, plan)
    )
    if run.kind == "events":
        basis.fields = {"time_zone": basis.fields["time_zone"]}
    if request.method == "POST" and basis.is_valid():
        plan = posted_plan(request, plan, basis.cleaned_data, columns)
        try:
            return save_plan(request, run, plan, basis.cleaned_data)
        except (BadPlan, ImportRefused) as error:
            basis.add_error(None, on_page(error))
    context = {
        "page_title": run.name,
        "run": run,
        "dialect": run.dialect,
        "dialect_form": DialectForm(initial=run.dialect),
        "basis": basis,
        "preset": PRESETS.get(plan.preset),
        "columns": [column_row(n, name, plan, rows) for n, name in enumerate(columns)],
        "targets": [(t, TARGETS[t]) for t in (EVENT_SPECIAL if run.kind == "events" else SPECIAL)],
        "readings": [(key, label) for key, (label, _column) in READINGS.items()],
        "unsure": [name for name, column in plan.columns.items() if not column.is_sure],
    }
    return render(request, "web/import_mapping.html", context, status=422 if basis.errors else 200)


def suggested(request: StaffRequest, run: Import) -> Plan:
    place = request.staff.workspace
    return running.suggest_plan(
        run=run, language=place.language, time_zone=place.time_zone, preset=request.GET.get("preset", "")
    )


def change_dialect(request: StaffRequest, run: Import) -> HttpResponse:
    form = DialectForm(request.POST)
    if form.is_valid():
        try:
            running.set_dialect(run=run, **form.cleaned_data)
            messages.success(request, _("Read anew."))
        except (UnreadableFile, ImportRefused) as error:
            messages.error(request, on_page(error))
    return redirect("web:import_mapping", run.id)


def initial_basis(run: Import, plan: Plan) -> dict[str, Any]:
    has_proof = plan.has("consent_time") and plan.has("consent_ip")
    return {
        "time_zone": plan.time_zone,
        "basis": run.basis or ("proof" if has_proof else ""),
        "purposes": list(plan.purposes),
        "consent_text": plan.consent_text,
        "incomplete": plan.incomplete,
        "declared_by": run.declared_by_id,
        "covers_confirmation": plan.covers_confirmation,
    }


def column_row(number: int, name: str, plan: Plan, rows: list[list[Any]]) -> dict[str, Any]:
    column = plan.columns.get(name, Column())
    special = column.target in TARGETS
    return {
        "number": number,
        "name": name,
        "target": column.target,
        "special": special,
        "key": "" if special else column.target,
        "reading": reading_of(column),
        "examples": [str(row[number])[:60] for row in rows if row[number] not in ("", None)][:3],
        "is_sure": column.is_sure,
    }


def reading_of(column: Column) -> str:
    detail = {"number": column.decimal, "date": f"-{column.order}", "date_time": f"-{column.order}"}
    return column.type + detail.get(column.type, "")


def posted_plan(request: StaffRequest, plan: Plan, said: dict[str, Any], columns: list[str]) -> Plan:
    chosen = {}
    for number, name in enumerate(columns):
        target = request.POST.get(f"target-{number}", "").strip()
        _label, reading = READINGS.get(request.POST.get(f"reading-{number}", ""), READINGS["text"])
        chosen[name] = replace(reading, target=target)
    return replace(
        plan, columns=chosen, time_zone=said["time_zone"], purposes=tuple(said.get("purposes", ())),
        consent_text=said.get("consent_text", ""), incomplete=said.get("incomplete", "reject"),
        covers_confirmation=said.get("covers_confirmation", False),
    )  # fmt: skip


def save_plan(request: StaffRequest, run: Import, plan: Plan, said: dict[str, Any]) -> HttpResponse:
    declared_by = None
    if said.get("declared_by"):
        members = Membership.objects.filter(workspace_id=run.workspace_id).select_related("user")
        declared_by = members.get(user_id=said["declared_by"]).user
    if document := said.get("document"):
        running.set_document(run=run, name=document.name, file=document)
    running.prepare(run=run, plan=plan, basis=said.get("basis", ""), declared_by=declared_by)
    running.ask_rehearsal(run=run)
    return redirect("web:import", run.id)


@staff_screen()
def one_import(request: StaffRequest, import_id: int) -> HttpResponse:
    run = import_or_404(request, import_id)
    if run.state == "uploaded" and request.staff.role in MAY_IMPORT:
        return redirect("web:import_mapping", run.id)
    return render(request, "web/import.html", state_of(request, run) | {"page_title": run.name})


@require_GET
@staff_screen()
def progress(request: StaffRequest, import_id: int) -> HttpResponse:
    return render(request, "web/_import_state.html", state_of(request, import_or_404(request, import_id)))


def state_of(request: StaffRequest, run: Import) -> dict[str, Any]:
    seconds = (request.staff.at - run.started_at).total_seconds() if run.started_at else 0
    rate = run.position / seconds if seconds > 0 and run.position else 0
    left = (run.total - run.position) / rate if rate and run.total else None
    return {
        "run": run,
        "state": STATES[run.state],
        "problem": on_page(run.problem),
        "is_going": run.state in running.GOING,
        "counts": shown_counts(run),
        "rehearsal": shown_counts(run, rehearsed=True),
        "examples": run.rehearsal.get("examples", []) if request.staff.sees_personal_data else [],
        "rate": round(rate),
        "left": timedelta(seconds=round(left)) if left is not None else None,
        "is_waiting": run.leased_until is None or run.leased_until < datetime.now(UTC),
        "may_import": request.staff.role in MAY_IMPORT,
        "basis": dict(BASES).get(run.basis, ""),
        "now": request.staff.at,
    }


def shown_counts(run: Import, *, rehearsed: bool = False) -> list[tuple[Any, int]]:
    counts = run.rehearsal if rehearsed else run.counts
    return [(label, counts[key]) for key, label in COUNTS.items() if counts.get(key) or (key == "rows" and counts)]


@require_POST
@staff_screen(posts=MAY_IMPORT)
def start_import(request: StaffRequest, import_id: int) -> HttpResponse:
    try:
        running.start(run=import_or_404(request, import_id), at=request.staff.at, actor=request.staff.actor)
    except ImportRefused as error:
        messages.error(request, on_page(error))
    return redirect("web:import", import_id)


@require_POST
@staff_screen(posts=MAY_IMPORT)
def stop_import(request: StaffRequest, import_id: int) -> HttpResponse:
    running.stop(run=import_or_404(request, import_id))
    return redirect("web:import", import_id)


@require_POST
@staff_screen(posts=MAY_IMPORT)
def discard(request: StaffRequest, import_id: int) -> HttpResponse:
    try:
        running.discard(run=import_or_404(request, import_id))
        messages.success(request, _("The file is thrown away; nothing of it came in."))
    except ImportRefused as error:
        messages.error(request, on_page(error))
    return redirect("web:imports")


@staff_screen(posts=MAY_IMPORT)
def undo(request: StaffRequest, import_id: int) -> HttpResponse:
    """Asks with the counts; a POST does it."""
    run = import_or_404(request, import_id)
    try:
        if request.method == "POST":
            start_undo(run=run, at=request.staff.at, actor=request.staff.actor)
            return redirect("web:import", run.id)
        context = {"page_title": _("Undo this import?"), "run": run, "preview": preview_undo(run=run)}
        return render(request, "web/import_undo.html", context)
    except ImportRefused as error:
        messages.error(request, on_page(error))
        return redirect("web:import", run.id)


@require_GET
@staff_screen()
def rejects(request: StaffRequest, import_id: int) -> Any:
    run = import_or_404(request, import_id)
    if not request.staff.sees_personal_data:
        return not_your_role(request)
    answer = StreamingHttpResponse(as_csv(running.rejected_rows(run=run)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="rejects-{run.id}.csv"'
    return answer


def as_csv(rows: Iterator[list[Any]]) -> Iterator[str]:
    """With a byte order mark: without it spreadsheets take UTF-8 for the old encodings."""
    yield "\ufeff"
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow(row)
        yield line.getvalue()


def on_page(problem: object) -> str:
    """What is wrong and the way out, as sentences; the command line says `hint:` between them."""
    said, _mark, hint = str(problem).partition("\nhint: ")
    return f"{said} {hint[:1].upper()}{hint[1:]}".strip()


def import_or_404(request: StaffRequest, import_id: int) -> Import:
    run = running.find_import(workspace_id=request.staff.workspace.id, import_id=import_id)
    if run is None:
        raise Http404
    return run
