"""Scoring models written, tried on a sample while they are written, published, compared with earlier versions."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.actions import record_audit
from cultiva.criteria.references import StillUsed
from cultiva.leads.models import Lead
from cultiva.lib.documents import DocumentError, read_document
from cultiva.lib.languages import reader_language
from cultiva.lib.refusals import Refusal
from cultiva.scoring.actions import make_primary, primary_model, publish_model, refuse_protected, retire_model
from cultiva.scoring.differences import differences
from cultiva.scoring.lint import find_faults
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion
from cultiva.scoring.preview import Preview, preview
from cultiva.scoring.starters import Starter, starters
from cultiva.segments.standing import standings
from cultiva.web.charts import bars
from cultiva.web.document_facts import rule_facts
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.templatetags.ui import amount
from cultiva.web.views.personas import MAY_CHANGE
from cultiva.web.words import temperature_words

MOVERS_SHOWN = 8
BARS = 12
LONGEST = 200_000  # characters

Json = dict[str, Any]


class ModelForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Model, as YAML"), strip=False, max_length=LONGEST,
        widget=forms.Textarea({"rows": 30, "spellcheck": "false", "class": "font-monospace"}),
    )  # fmt: skip
    is_primary = forms.BooleanField(
        label=gettext_lazy("Primary: it says who is hot, and fills lists and profiles"), required=False
    )
    acts_on_bands = forms.BooleanField(
        label=gettext_lazy("Hand over and start workflows for leads that cross a band by it"), required=False,
        help_text=gettext_lazy("Otherwise nothing happens to them until they do something."),
    )  # fmt: skip


@staff_screen(posts=MAY_CHANGE)
def new_model(request: StaffRequest) -> HttpResponse:
    """The models to begin with; ?from= opens one in the editor."""
    found = offered(request)
    chosen = next((each for each in found if each.key == request.GET.get("from")), None)
    if chosen or request.method == "POST":
        return _editor(request, chosen.text if chosen else "", None)
    return render(request, "web/model_new.html", {"page_title": _("New scoring model"), "starters": found})


def offered(request: StaffRequest) -> list[Starter]:
    return starters(reader_language(), personas=[each.key for each in standings(request.staff.workspace.id)])


@staff_screen(posts=MAY_CHANGE)
def edit_model(request: StaffRequest, key: str) -> HttpResponse:
    """The version in force, or ?version= an earlier one, to go back to it or on from it."""
    live = ModelVersion.current(request.staff.workspace.id, key)
    versions = ModelVersion.objects.filter(workspace=request.staff.workspace, key=key)
    asked = request.GET.get("version", "")
    begun = versions.filter(version=int(asked)).first() if asked.isdecimal() and len(asked) < 9 else live
    if live is None or begun is None:
        raise Http404
    return _editor(request, begun.source_text, live)


def _editor(request: StaffRequest, text: str, live: ModelVersion | None) -> HttpResponse:
    primary = primary_model(request.staff.workspace.id)
    is_primary = live == primary if live else primary is None
    form = ModelForm(request.POST or None, initial={"text": text, "is_primary": is_primary})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            version = _publish(request, given, live)
        except DocumentError as error:
            form.add_error("text", str(error))
        else:
            messages.success(request, _said(version))
            return redirect("web:model", version.key)
    context = {
        "page_title": live.name if live else _("New scoring model"),
        "form": form,
        "live": live,
        "may_change": request.staff.role in MAY_CHANGE,
    }
    return render(request, "web/model_edit.html", context, status=422 if form.errors else 200)


def _publish(request: StaffRequest, given: Json, live: ModelVersion | None) -> ModelVersion:
    """Raises DocumentError."""
    staff, text = request.staff, given["text"].replace("\r\n", "\n")
    model = read(text)
    if live and model.key != live.key:
        hint = _("make a new model for another key")
        raise DocumentError("model", _("this is `%(key)s`") % {"key": live.key}, hint)
    if not live and ModelVersion.current(staff.workspace.id, model.key):
        raise DocumentError("model", _("there is a model `%(key)s`") % {"key": model.key}, _("give it another key"))
    primary = primary_model(staff.workspace.id)
    if primary and live == primary and not given["is_primary"]:
        hint = _("make the one primary that takes its place")
        raise DocumentError("primary", _("one model has to be the primary one"), hint)
    version = publish_model(
        workspace_id=staff.workspace.id, text=text, at=staff.at, is_primary=given["is_primary"],
        acts_on_bands=given["acts_on_bands"],
    )  # fmt: skip
    record_audit(
        workspace_id=staff.workspace.id, actor=staff.actor, action="model.publish", target=f"model:{version.key}",
        at=staff.at, detail={"version": version.version, "acts_on_bands": given["acts_on_bands"]},
    )  # fmt: skip
    return version


def read(text: str) -> ScoringModel:
    return ScoringModel.read(read_document(text, name="model"))


def _said(version: ModelVersion) -> str:
    if version == ModelVersion.current(version.workspace_id, version.key):
        return _("Version %(version)s is in force.") % {"version": version.version}
    return _("Version %(version)s comes into force once everybody is scored under it.") % {"version": version.version}


@require_POST
@staff_screen(posts=MAY_CHANGE)
def try_model(request: StaffRequest) -> HttpResponse:
    """While it is written: what is wrong, or each rule in words, what differs, and who would change band now."""
    staff, text = request.staff, request.POST.get("text", "")[:LONGEST].replace("\r\n", "\n")
    context: Json = {"errors": [], "now": staff.at}
    try:
        model = read(text)
        refuse_protected(model, staff.workspace.id)
    except DocumentError as error:
        context["errors"] = [str(each) for each in error.errors]
    else:
        live = ModelVersion.current(staff.workspace.id, model.key)
        before = ScoringModel.read(live.body) if live else None
        tried = preview(model, workspace_id=staff.workspace.id, live=live, at=staff.at)
        context |= {
            "rules": [rule_facts(rule) for rule in model.rules],
            "changes": differences(before, model) if before else [],
            "is_new": before is None,
            "faults": find_faults(model, workspace_id=staff.workspace.id, at=staff.at),
            **_tried(tried, staff.workspace.id),
        }
    return render(request, "web/_model_tried.html", context)


def _tried(tried: Preview, workspace_id: int) -> Json:
    totals = sorted(tried.totals.values())
    words, leads = temperature_words(), Lead.objects.filter(workspace_id=workspace_id)
    labels, counts = histogram(totals)
    movers = leads.in_bulk(tried.movers[:MOVERS_SHOWN])
    return {
        "sampled": len(totals),
        "of": tried.of,
        "chart": bars(labels, counts, title=_("Leads by score")),
        "chart_rows": list(zip(labels, counts, strict=True)),
        "moves": [
            {"from": words.get(now or "", "–"), "to": words.get(then or "", "–"), "count": count,
             "estimate": round(count * tried.of / max(1, len(totals)))}
            for (now, then), count in tried.moves.items()
        ],
        "movers": [
            {"lead": lead, "from": words.get(tried.now[id] or "", "–"), "to": words.get(tried.then[id] or "", "–")}
            for id, lead in movers.items()
        ],
    }  # fmt: skip


def histogram(totals: list[float]) -> tuple[list[str], list[int]]:
    """(labels, counts) of equal steps between the lowest total and the highest."""
    if not totals:
        return [], []
    low, high = totals[0], totals[-1]
    step = (high - low) / BARS or 1.0
    counts = [0] * BARS
    for total in totals:
        counts[min(BARS - 1, int((total - low) / step))] += 1
    return [amount(round(low + n * step, 1)) for n in range(BARS)], counts


@require_POST
@staff_screen(posts=MAY_CHANGE)
def make_model_primary(request: StaffRequest, key: str) -> HttpResponse:
    return _done(request, key, "model.make_primary", lambda: _make_primary(request, key))


def _make_primary(request: StaffRequest, key: str) -> str:
    return _said(make_primary(workspace_id=request.staff.workspace.id, key=key, at=request.staff.at))


@require_POST
@staff_screen(posts=MAY_CHANGE)
def retire(request: StaffRequest, key: str) -> HttpResponse:
    return _done(request, key, "model.retire", lambda: _retire(request, key))


def _retire(request: StaffRequest, key: str) -> str:
    staff = request.staff
    retire_model(workspace_id=staff.workspace.id, key=key, by=staff.actor, at=staff.at)
    return _("It counts no more. Its versions stay: publish one to bring it back.")


def _done(request: StaffRequest, key: str, action: str, work: Callable[[], str]) -> HttpResponse:
    """Said beside the model where it is refused."""
    staff = request.staff
    if ModelVersion.current(staff.workspace.id, key) is None:
        raise Http404
    try:
        messages.success(request, work())
    except (Refusal, StillUsed) as error:
        messages.error(request, str(error))
        return redirect("web:model", key)
    record_audit(workspace_id=staff.workspace.id, actor=staff.actor, action=action, target=f"model:{key}", at=staff.at)
    return redirect("web:models")


@require_safe
@staff_screen()
def model_versions(request: StaffRequest, key: str) -> HttpResponse:
    found = list(ModelVersion.objects.filter(workspace=request.staff.workspace, key=key).order_by("version"))
    if not found:
        raise Http404
    models = [ScoringModel.read(each.body) for each in found]
    rows = [
        {
            "version": version,
            "changes": differences(models[n - 1], models[n]) if n else [],
            "is_first": n == 0,
            "is_live": version == ModelVersion.current(version.workspace_id, key),
        }
        for n, version in enumerate(found)
    ]
    context = {
        "page_title": _("Versions of %(name)s") % {"name": found[-1].name},
        "key": key,
        "rows": rows[::-1],
        "may_change": request.staff.role in MAY_CHANGE,
        "now": request.staff.at,
    }
    return render(request, "web/model_versions.html", context)
