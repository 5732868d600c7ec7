"""Rehearsals of scoring models: asked for, followed, read; what really happened is shown when it is asked for."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.models import Workspace
from cultiva.leads.models import Lead
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError
from cultiva.lib.refusals import Refusal
from cultiva.lib.signing import BadLink, sign, unsign
from cultiva.scoring.actions import primary_model
from cultiva.scoring.models import ModelVersion, Rehearsal, RehearsalChange
from cultiva.scoring.rehearsal.history import BANDS
from cultiva.scoring.rehearsal.workspace import ask_rehearsal, left_of, share_rehearsal, stop_rehearsal
from cultiva.web.persona_charts import legend_mark
from cultiva.web.rehearsal_charts import columns, curves
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.templatetags.ui import amount
from cultiva.web.views.personas import MAY_CHANGE
from cultiva.web.words import temperature_words

SHARED_FOR = timedelta(days=30)
HORIZON, WEEKS = 60, 13  # of what a new rehearsal proposes
CHANGES_SHOWN = 50
EARLIER_VERSIONS = 10

Json = dict[str, Any]


class RehearsalForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=160, required=False)
    versions = forms.MultipleChoiceField(
        label=gettext_lazy("Compare with it"), required=False, widget=forms.CheckboxSelectMultiple
    )
    draft = forms.CharField(
        label=gettext_lazy("A draft, as YAML"), required=False, strip=False,
        widget=forms.Textarea({"rows": 14, "spellcheck": "false", "class": "font-monospace"}),
        help_text=gettext_lazy(
            "It begins as the model in force: change points, rules or limits. Unchanged it is not asked."
        ),
    )  # fmt: skip
    first = forms.DateField(label=gettext_lazy("From"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    last = forms.DateField(label=gettext_lazy("To"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    horizon_days = forms.IntegerField(
        label=gettext_lazy("Days a conversion is waited for"), min_value=1, max_value=730, initial=HORIZON
    )
    goal = forms.CharField(
        label=gettext_lazy("Event that is the conversion"), max_length=200, required=False,
        help_text=gettext_lazy("Empty: the goal of the model in force."),
    )  # fmt: skip
    capacity = forms.FloatField(
        label=gettext_lazy("Hand-overs a week that sales can take"), min_value=0.1, required=False,
        help_text=gettext_lazy("The threshold is chosen by it. Empty: what the model calls hot."),
    )  # fmt: skip

    def __init__(self, *args: Any, choices: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["versions"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = choices


@require_safe
@staff_screen()
def rehearsals(request: StaffRequest) -> HttpResponse:
    found = Rehearsal.objects.filter(workspace=request.staff.workspace).defer("report", "texts").order_by("-id")[:100]
    context = {
        "page_title": _("Rehearsals"),
        "rows": found,
        "has_model": primary_model(request.staff.workspace.id) is not None,
        "may_change": request.staff.role in MAY_CHANGE,
        "states": _states(),
        "now": request.staff.at,
    }
    return render(request, "web/rehearsals.html", context)


@staff_screen(posts=MAY_CHANGE)
def new_rehearsal(request: StaffRequest) -> HttpResponse:
    live = primary_model(request.staff.workspace.id)
    if live is None:
        return redirect("web:rehearsals")
    others = _others(live)
    last = (request.staff.at - timedelta(days=HORIZON)).date()
    initial = {
        "draft": live.source_text, "last": last, "first": last - timedelta(weeks=WEEKS), "horizon_days": HORIZON,
    }  # fmt: skip
    choices = [(str(each.id), f"{each.name} · v{each.version}") for each in others]
    form = RehearsalForm(request.POST or None, choices=choices, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            asked = _ask(request, form.cleaned_data, live, others)
        except (DocumentError, Refusal) as error:
            form.add_error(None, str(error))
        else:
            return redirect("web:rehearsal", asked.id)
    context = {"page_title": _("New rehearsal"), "form": form, "live": live}
    return render(request, "web/rehearsal_new.html", context, status=422 if form.errors else 200)


def _others(live: ModelVersion) -> list[ModelVersion]:
    """Other models in force, and earlier versions of this one."""
    currents = ModelVersion.currents(live.workspace_id).exclude(key=live.key)
    earlier = ModelVersion.objects.filter(workspace_id=live.workspace_id, key=live.key).exclude(id=live.id)
    return [*currents, *earlier.order_by("-version")[:EARLIER_VERSIONS]]


def _ask(
    request: StaffRequest, given: Mapping[str, Any], live: ModelVersion, others: Sequence[ModelVersion]
) -> Rehearsal:
    texts = [live.source_text, *(each.source_text for each in others if str(each.id) in given["versions"])]
    draft = given["draft"].replace("\r\n", "\n")
    if draft.strip() and draft.strip() != live.source_text.strip():
        texts.append(draft)
    return ask_rehearsal(
        workspace_id=request.staff.workspace.id, texts=texts, first=given["first"], last=given["last"],
        horizon_days=given["horizon_days"], goal=given["goal"], capacity=given["capacity"], name=given["name"],
        by=request.staff.actor, at=request.staff.at,
    )  # fmt: skip


@require_safe
@staff_screen()
def rehearsal(request: StaffRequest, rehearsal_id: int) -> HttpResponse:
    found = _rehearsal_or_404(request, rehearsal_id)
    is_revealed = "revealed" in request.GET
    shared = found.shared_until if found.shared_until and found.shared_until > request.staff.at else None
    context = {
        "page_title": found.name,
        "rehearsal": found,
        "is_going": found.state in Rehearsal.GOING,
        "left": left_of(found, datetime.now(UTC)),
        "may_change": request.staff.role in MAY_CHANGE,
        "shared_until": shared,
        "shared_url": request.build_absolute_uri(_shared_path(found)) if shared else "",
        "now": request.staff.at,
        **(told(found.report, is_revealed=is_revealed) if found.state == Rehearsal.DONE else {}),
        "changes": _changes(found),
    }
    is_part = request.headers.get("HX-Request") and request.headers.get("HX-Target", "").endswith("rehearsal-state")
    return render(request, "web/_rehearsal_state.html" if is_part else "web/rehearsal.html", context)


def _rehearsal_or_404(request: StaffRequest, rehearsal_id: int) -> Rehearsal:
    found = Rehearsal.objects.filter(workspace=request.staff.workspace, id=rehearsal_id).first()
    if found is None:
        raise Http404
    return found


@require_safe
@staff_screen()
def rehearsal_json(request: StaffRequest, rehearsal_id: int) -> HttpResponse:
    found = _rehearsal_or_404(request, rehearsal_id)
    answer = JsonResponse(found.report, json_dumps_params={"ensure_ascii": False, "indent": 1})
    answer["Content-Disposition"] = f'attachment; filename="rehearsal-{found.id}.json"'
    return answer


@require_POST
@staff_screen(posts=MAY_CHANGE)
def stop(request: StaffRequest, rehearsal_id: int) -> HttpResponse:
    stop_rehearsal(workspace_id=request.staff.workspace.id, rehearsal_id=rehearsal_id)
    return redirect("web:rehearsal", rehearsal_id)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def share(request: StaffRequest, rehearsal_id: int) -> HttpResponse:
    """Make the link good for a month, or end it."""
    until = None if request.POST.get("ends") else request.staff.at + SHARED_FOR
    share_rehearsal(workspace_id=request.staff.workspace.id, rehearsal_id=rehearsal_id, until=until)
    said = _("Whoever has the link can read the report for 30 days.") if until else _("The link leads nowhere now.")
    messages.success(request, said)
    return redirect("web:rehearsal", rehearsal_id)


@require_safe
def shared_rehearsal(request: HttpRequest, token: str) -> HttpResponse:
    """The report, for who has the link: no lead, no seller."""
    try:
        workspace_id, rehearsal_id = unsign("rehearsal", token)
    except (BadLink, ValueError):
        return _leads_nowhere(request, 404)
    with workspace_scope(workspace_id):
        found = Rehearsal.objects.filter(
            workspace_id=workspace_id, id=rehearsal_id, shared_until__gt=clock.now(), state=Rehearsal.DONE
        ).first()
        if found is None:
            return _leads_nowhere(request, 410)
        context = {
            "page_title": found.name,
            "workspace": Workspace.objects.get(id=workspace_id),
            "rehearsal": found,
            "now": clock.now(),
            **told(found.report, is_revealed=True, names_sellers=False),
        }
    return render(request, "web/rehearsal_shared.html", context)


def _leads_nowhere(request: HttpRequest, status: int) -> HttpResponse:
    context = {"title": _("This link leads nowhere"), "text": _("Ask who sent it for a new one.")}
    return render(request, "web/message_page.html", context, status=status)


def _shared_path(found: Rehearsal) -> str:
    return reverse("web:shared_rehearsal", args=[sign("rehearsal", found.workspace_id, found.id)])


def _states() -> Json:
    return {
        "waiting": _("waiting"), "running": _("running"), "done": _("done"), "failed": _("failed"),
        "stopped": _("stopped"),
    }  # fmt: skip


def _changes(found: Rehearsal) -> list[Json]:
    """Of each model after the first, the leads whose band differs, those with the greatest difference first."""
    rows = RehearsalChange.objects.filter(workspace_id=found.workspace_id, rehearsal=found).order_by("place", "lead_id")
    by_place: dict[int, list[RehearsalChange]] = {}
    for row in rows:
        by_place.setdefault(row.place, []).append(row)
    listed = {
        place: sorted(each, key=lambda row: -abs(row.total_after - row.total_before))[:CHANGES_SHOWN]
        for place, each in by_place.items()
    }
    leads = Lead.objects.filter(workspace_id=found.workspace_id).in_bulk(
        {row.lead_id for each in listed.values() for row in each}
    )
    return [
        {
            "name": found.report["models"][place]["name"],
            "rows": [
                {"lead": leads[row.lead_id], "from": temperature_words()[row.from_band],
                 "to": temperature_words()[row.to_band], "before": row.total_before, "after": row.total_after}
                for row in each if row.lead_id in leads
            ],
        }
        for place, each in listed.items()
    ]  # fmt: skip


# A report as pictures and tables


def told(report: Json, *, is_revealed: bool, names_sellers: bool = True) -> Json:
    """{facts, legend, models, outcome} for the page; outcome is None until it is revealed."""
    models, several = report["models"], len({each["name"] for each in report["models"]}) == len(report["models"])
    names = [each["name"] if several else f"{each['name']} ({n})" for n, each in enumerate(models, start=1)]
    return {
        "report": report,
        "dates": [_day(report["dates"][0]), _day(report["dates"][-1])],
        "legend": [{"mark": legend_mark(n), "name": name} for n, name in enumerate(names)],
        "models": [_forecast(name, each, names_sellers) for name, each in zip(names, models, strict=True)],
        "is_revealed": is_revealed,
        "outcome": _outcome(names, models) if is_revealed else None,
        "end": _end_of(report),
    }


def _end_of(report: Json) -> datetime:
    return datetime.fromisoformat(report["dates"][-1]) + timedelta(days=report["horizon_days"])


def _day(text: str) -> str:
    return date_format(timezone.localtime(datetime.fromisoformat(text)), "SHORT_DATE_FORMAT")


def _forecast(name: str, model: Json, names_sellers: bool) -> Json:
    forecast = model["forecast"]
    edges, counts = forecast["distribution"]["edges"], forecast["distribution"]
    labels = [amount(round(low, 1)) for low in edges[:-1]]
    ends = [_("first date"), _("last date")]
    distribution = [(ends[0], counts["first"]), (ends[1], counts["last"])]
    weeks = forecast.get("hand_overs", [])
    sellers = sorted({owner for week in weeks for owner in week["by_owner"]}) if names_sellers else []
    series = [(owner or _("nobody"), [week["by_owner"].get(owner, 0) for week in weeks]) for owner in sellers] or [
        (_("hand-overs"), [week["count"] for week in weeks])
    ]
    days = [_day(week["at"]) for week in weeks]
    changes = [each for each in forecast["weekly_changes"] if each is not None]
    qualified = [week["count"] for week in forecast.get("marketing_qualified", [])]
    bands, words = forecast["bands"], temperature_words()
    return {
        "name": name,
        "threshold": model["threshold"],
        "distribution": columns(labels, distribution, title=_("How many leads have which score")),
        "distribution_rows": list(zip(labels, counts["first"], counts["last"], strict=True)),
        "distribution_legend": [{"mark": legend_mark(n), "name": end} for n, end in enumerate(ends)],
        "hand_overs": columns(days, series, title=_("Hand-overs a week"), stacked=True) if weeks else "",
        "hand_over_rows": [[day, *(values[n] for _, values in series)] for n, day in enumerate(days)],
        "hand_over_headings": [_("Week"), *(each for each, _ in series)],
        "hand_over_legend": [{"mark": legend_mark(n), "name": each} for n, (each, _) in enumerate(series)],
        "hand_overs_a_week": sum(week["count"] for week in weeks) / len(weeks) if weeks else None,
        "qualified_a_week": sum(qualified) / len(qualified) if qualified else None,
        "bands": [(words[band], bands[0][band], bands[-1][band]) for band in reversed(BANDS)] if bands else [],
        "weekly_change": 100 * sum(changes) / len(changes) if changes else None,
        "changed": model["against_first"]["changed"],
        "moves": [
            {"from": words[move.split(">")[0]], "to": words[move.split(">")[1]], "count": count}
            for move, count in model["against_first"]["counts"].items()
        ],
    }  # fmt: skip


def _outcome(names: Sequence[str], models: Sequence[Json]) -> Json:
    pairs = [(name, each["outcome"]) for name, each in zip(names, models, strict=True)]
    known = [(name, each) for name, each in pairs if "auc" in each]
    tenths = [(name, [group["lift"] for group in each["tenths"]]) for name, each in known]
    rates = [(name, [100 * group["rate"] for group in each["tenths"]]) for name, each in known]
    labels = [str(n + 1) for n in range(max((len(values) for _, values in tenths), default=0))]
    full = [each for each in tenths if len(each[1]) == len(labels)]
    return {
        "figures": [_figures(name, each) for name, each in pairs],
        "roc": curves([(name, each["roc"]) for name, each in known], title=_("ROC curve"), diagonal=True),
        "precision_recall": curves(
            [(name, each["precision_recall"]) for name, each in known], title=_("Precision and recall"), diagonal=False
        ),
        "lift": columns(labels, full, title=_("Lift by tenth")),
        "calibration": columns(
            labels, [each for each in rates if len(each[1]) == len(labels)], title=_("Share that converts, by tenth")
        ),
        "tenths": [(name, [_tenth(group) for group in each["tenths"]]) for name, each in known],
        "tenth_headings": [
            _("Tenth"), _("Scores"), _("Cases"), _("Converted"), _("Share"), _("95 % interval"), _("Lift"),
        ],
        "rules": [(name, [_rule(each) for each in outcome["rules"]]) for name, outcome in pairs],
    }  # fmt: skip


def _tenth(group: Json) -> list[Any]:
    return [
        group["group"], f"{amount(round(group['from'], 1))}–{amount(round(group['to'], 1))}", group["count"],
        group["converted"], f"{100 * group['rate']:.1f} %",
        f"{100 * group['low']:.1f}–{100 * group['high']:.1f} %", f"{group['lift']:.2f}",
    ]  # fmt: skip


def _figures(name: str, outcome: Json) -> Json:
    at = outcome.get("at_threshold") or {}
    return {
        "name": name,
        "unavailable": outcome.get("unavailable", ""),
        "cases": outcome["cases"],
        "converted": outcome["converted"],
        "auc": outcome.get("auc"),
        "interval": outcome.get("auc_interval"),
        "average_precision": outcome.get("average_precision"),
        "base_rate": _percent(outcome.get("base_rate")),
        "precision": _percent(at.get("precision")),
        "recall": _percent(at.get("recall")),
        "days": outcome.get("median_days_of_warning"),
    }


def _rule(rule: Json) -> Json:
    return {
        **rule,
        "rate_with": _percent(rule["rate_with"]),
        "rate_without": _percent(rule["rate_without"]),
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
