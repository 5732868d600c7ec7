"""Personas: the list, the page of one, and the editor."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.models import Role
from cultiva.criteria.language import parse, say
from cultiva.criteria.references import StillUsed, used_by
from cultiva.insights.personas import persona_report, persona_sizes
from cultiva.lib.documents import DocumentError
from cultiva.lib.languages import reader_language
from cultiva.magnets.models import MagnetVersion
from cultiva.segments.persona_models import Persona
from cultiva.segments.personas.actions import (
    PersonaRefused,
    building,
    delete_persona,
    find_persona,
    free_key,
    list_personas,
    move_persona,
    save_persona,
)
from cultiva.segments.personas.history import leads_of_persona_on
from cultiva.web.charts import bars, funnel
from cultiva.web.criteria_text import CriteriaField, write_criteria
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.views.leads import name_row
from cultiva.web.words import in_language, stage_labels

MAY_CHANGE = frozenset({Role.OWNER, Role.MARKETING})
MOST_FORMS = 50


class PersonaForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=160)
    description = forms.CharField(
        label=gettext_lazy("Who they are"), required=False, max_length=5000, widget=forms.Textarea({"rows": 3})
    )
    content_es = forms.CharField(
        label=gettext_lazy("What to tell them, in Spanish"), required=False, max_length=5000,
        widget=forms.Textarea({"rows": 3}),
    )  # fmt: skip
    content_en = forms.CharField(
        label=gettext_lazy("What to tell them, in English"), required=False, max_length=5000,
        widget=forms.Textarea({"rows": 3}),
    )  # fmt: skip
    tone_es = forms.CharField(
        label=gettext_lazy("How to talk to them, in Spanish"), required=False, max_length=5000,
        widget=forms.Textarea({"rows": 3}),
    )  # fmt: skip
    tone_en = forms.CharField(
        label=gettext_lazy("How to talk to them, in English"), required=False, max_length=5000,
        widget=forms.Textarea({"rows": 3}),
    )  # fmt: skip
    is_draft = forms.BooleanField(
        label=gettext_lazy("Draft"), required=False, help_text=gettext_lazy("No lead is of a draft's persona.")
    )


class CriterionForm(forms.Form):
    when = CriteriaField(label=gettext_lazy("Holds when"), required=False)
    weight = forms.FloatField(
        label=gettext_lazy("Weight"), min_value=0.000001, max_value=1_000_000, initial=1,
        widget=forms.NumberInput({"step": "any", "inputmode": "decimal"}),
    )  # fmt: skip

    def __init__(self, *args: Any, workspace: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["when"]
        assert isinstance(field, CriteriaField)
        field.workspace = workspace


class DayForm(forms.Form):
    on = forms.DateField(
        label=gettext_lazy("Whose persona it was on"), required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"), input_formats=["%Y-%m-%d"],
    )  # fmt: skip


@require_safe
@staff_screen()
def persona_list(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    found = list_personas(staff.workspace.id)
    sizes = persona_sizes(workspace_id=staff.workspace.id)
    most = max((each["leads"] for each in sizes.values()), default=0)
    context = {
        "page_title": _("Personas"),
        "rows": [_row(each, sizes.get(each.key), most, place, len(found)) for place, each in enumerate(found)],
        "building": building(staff.workspace.id),
        "may_change": staff.role in MAY_CHANGE,
    }
    return render(request, "web/personas.html", context)


def _row(persona: Persona, size: dict[str, Any] | None, most: int, place: int, of: int) -> dict[str, Any]:
    leads = size["leads"] if size else 0
    return {
        "persona": persona,
        "leads": leads,
        "most": most,
        "confidence": round(100 * size["confidence"]) if size else None,
        "is_first": place == 0,
        "is_last": place == of - 1,
    }


@require_safe
@staff_screen()
def persona(request: StaffRequest, key: str) -> HttpResponse:
    staff, found = request.staff, find(request, key)
    report = persona_report(workspace_id=found.workspace_id, persona=key)
    labels = stage_labels(found.workspace_id)
    steps = [(_("Valid leads") if stage == "valid" else labels.get(stage, stage), n) for stage, n in report.funnel]
    for row in report.closest:
        row["id"] = row["lead_id"]
        name_row(row, sees_personal_data=staff.sees_personal_data)
        row["percent"], row["stage_label"] = round(100 * row["closeness"]), labels.get(row["stage"], row["stage"])
    day_form = DayForm(request.GET)
    day = day_form.cleaned_data.get("on") if day_form.is_valid() else None
    titles = {each.key: each.body.get("title", {}) for each in MagnetVersion.currents(found.workspace_id)}
    for row in report.magnets:
        row["title"], row["percent"] = in_language(titles.get(row["magnet"], {})) or row["magnet"], 100 * row["share"]
    context = {
        "page_title": found.name,
        "persona": found,
        "criteria": criteria_words(found),
        "report": report,
        "funnel": funnel(steps, title=_("How far they come")) if report.funnel[0][1] else "",
        "scores": bars(
            [str(row["low"]) for row in report.scores], [row["leads"] for row in report.scores],
            title=_("Leads by score"),
        ) if report.scores else "",
        "score_rows": [(f"{row['low']}–{row['high']}", row["leads"]) for row in report.scores],
        "day_form": day_form,
        "day": day,
        **(_on_day(request, key, day) if day else {}),
        "sources": [(source_words().get(row["name"], row["name"]), row["leads"]) for row in report.sources],
        "content": in_language(found.content_hints) if found.content_hints else "",
        "tone": in_language(found.tone_hints) if found.tone_hints else "",
        "uses": used_by(workspace_id=found.workspace_id, kind="persona", key=key),
        "building": None if found.is_draft else building(found.workspace_id),
        "may_change": staff.role in MAY_CHANGE,
        "now": staff.at,
    }  # fmt: skip
    return render(request, "web/persona.html", context)


def _on_day(request: StaffRequest, key: str, day: date) -> dict[str, Any]:
    """{day_rows, day_count}"""
    staff = request.staff
    rows, count = leads_of_persona_on(
        workspace_id=staff.workspace.id, persona=key, day=day, time_zone=staff.workspace.time_zone
    )  # fmt: skip
    for row in rows:
        row["id"] = row["lead_id"]
        name_row(row, sees_personal_data=staff.sees_personal_data)
        row["percent"] = round(100 * row["closeness"])
    return {"day_rows": rows, "day_count": count}


def criteria_words(persona: Persona) -> list[dict[str, Any]]:
    """[{words, weight, percent}]: percent of all weights, which is what the criterion adds to the closeness."""
    total = sum(each["weight"] for each in persona.criteria)
    return [
        {
            "words": say(parse(each["when"]), reader_language()),
            "weight": each["weight"],
            "percent": round(100 * each["weight"] / total),
        }
        for each in persona.criteria
    ]


def source_words() -> dict[str, str]:
    return {
        "form": _("Forms"), "import": _("Imports"), "api": _("The API"), "event": _("Events"), "manual": _("By hand"),
        "connector": _("A shop"), "ads": _("Adverts"), "webhook": _("Webhooks"),
    }  # fmt: skip


def find(request: StaffRequest, key: str) -> Persona:
    found = find_persona(request.staff.workspace.id, key)
    if found is None:
        raise Http404
    return found


@staff_screen(posts=MAY_CHANGE)
def new_persona(request: StaffRequest) -> HttpResponse:
    return edit_page(request, None)


@staff_screen(posts=MAY_CHANGE)
def edit_persona(request: StaffRequest, key: str) -> HttpResponse:
    return edit_page(request, find(request, key))


def edit_page(request: StaffRequest, found: Persona | None) -> HttpResponse:
    """Criteria stand one below the other, an empty one last; those that stay empty are left out."""
    is_sent = request.method == "POST"
    form = PersonaForm(request.POST if is_sent else None, initial=_initial(found))
    criteria = _sent_criteria(request) if is_sent else _criteria_forms(request, found)
    wants_more = is_sent and "more" in request.POST
    if wants_more:
        form = PersonaForm(initial={name: request.POST.get(name, "") for name in PersonaForm.base_fields})
        criteria = [
            CriterionForm(prefix=f"criteria-{n}", workspace=request.staff.workspace,
                          initial={"when": each.data.get(each.add_prefix("when"), ""),
                                   "weight": each.data.get(each.add_prefix("weight"), "1")})
            for n, each in enumerate(criteria)
        ]  # fmt: skip
        criteria.append(CriterionForm(prefix=f"criteria-{len(criteria)}", workspace=request.staff.workspace))
    elif is_sent and (saved := _save(request, found, form, criteria)):
        return redirect("web:persona", key=saved.key)
    has_errors = is_sent and not wants_more
    context = {
        "page_title": found.name if found else _("New persona"),
        "form": form,
        "criteria": criteria,
        "persona": found,
        "may_change": request.staff.role in MAY_CHANGE,
    }
    return render(request, "web/persona_form.html", context, status=422 if has_errors else 200)


def _initial(found: Persona | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {
        "name": found.name, "description": found.description, "is_draft": found.is_draft,
        "content_es": found.content_hints.get("es", ""), "content_en": found.content_hints.get("en", ""),
        "tone_es": found.tone_hints.get("es", ""), "tone_en": found.tone_hints.get("en", ""),
    }  # fmt: skip


def _criteria_forms(request: StaffRequest, found: Persona | None) -> list[CriterionForm]:
    known = [
        {"when": write_criteria(each["when"]), "weight": _plain(each["weight"])}
        for each in (found.criteria if found else [])
    ]
    return [
        CriterionForm(prefix=f"criteria-{n}", workspace=request.staff.workspace, initial=each)
        for n, each in enumerate([*known, {}])
    ]


def _plain(weight: float) -> float | int:
    return int(weight) if weight == int(weight) else weight


def _sent_criteria(request: StaffRequest) -> list[CriterionForm]:
    count = sum(f"criteria-{n}-when" in request.POST for n in range(MOST_FORMS))
    return [
        CriterionForm(request.POST, prefix=f"criteria-{n}", workspace=request.staff.workspace) for n in range(count)
    ]


def _save(
    request: StaffRequest, found: Persona | None, form: PersonaForm, criteria: list[CriterionForm]
) -> Persona | None:
    """None where it is refused; the form says why."""
    if not all([form.is_valid(), *(each.is_valid() for each in criteria)]):
        return None
    staff, values = request.staff, form.cleaned_data
    wanted = [
        {"when": each.cleaned_data["when"], "weight": _plain(each.cleaned_data["weight"])}
        for each in criteria
        if each.cleaned_data.get("when")
    ]
    try:
        saved = save_persona(
            workspace_id=staff.workspace.id, name=values["name"],
            key=found.key if found else free_key(staff.workspace.id, values["name"]), criteria=wanted,
            description=values["description"], is_draft=values["is_draft"],
            content_hints={"es": values["content_es"], "en": values["content_en"]},
            tone_hints={"es": values["tone_es"], "en": values["tone_en"]}, by=staff.actor, at=staff.at,
        )  # fmt: skip
    except (DocumentError, PersonaRefused, StillUsed) as error:
        form.add_error(None, str(error))
        return None
    messages.success(request, _("Saved."))
    return saved


@require_POST
@staff_screen(posts=MAY_CHANGE)
def move(request: StaffRequest, key: str) -> HttpResponse:
    found, staff = find(request, key), request.staff
    by_places = -1 if request.POST.get("to") == "up" else 1
    move_persona(workspace_id=found.workspace_id, key=key, by_places=by_places, by=staff.actor, at=staff.at)
    return redirect("web:personas")


@require_POST
@staff_screen(posts=MAY_CHANGE)
def delete(request: StaffRequest, key: str) -> HttpResponse:
    found, staff = find(request, key), request.staff
    try:
        delete_persona(workspace_id=found.workspace_id, key=key, by=staff.actor, at=staff.at)
    except StillUsed as error:
        listed = ", ".join(f"{user.kind} {user.key}" for user in error.users)
        messages.error(request, _("It is used by %(uses)s. Take it out there first.") % {"uses": listed})
        return redirect("web:persona", key=key)
    messages.success(request, _("%(name)s is deleted.") % {"name": found.name})
    return redirect("web:personas")
