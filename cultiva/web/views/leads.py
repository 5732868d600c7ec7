"""The list of leads and the profile of one."""

import hashlib
import json
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST

from cultiva.accounts.models import User, Workspace
from cultiva.capture.models import LeadOrigin
from cultiva.capture.objectives import objectives_of
from cultiva.capture.social import NETWORKS
from cultiva.consent.actions import can_contact
from cultiva.consent.models import ConsentMark, ConsentState, PurposeVersion
from cultiva.criteria.language import Node, parse, say
from cultiva.leads.attributes import definitions
from cultiva.leads.audience import TooSlow, at_most
from cultiva.leads.lists import LeadFilter, Page, list_leads
from cultiva.leads.merging import current_lead_id, merges_of
from cultiva.leads.models import Conversion, Lead, LeadValue
from cultiva.leads.summaries import identity_of, misfits_of
from cultiva.lib.languages import reader_language
from cultiva.lib.plugins import plugins
from cultiva.lifecycle.actions import aside_label, stages_for
from cultiva.lifecycle.models import StageChange
from cultiva.magnets.models import Grant, MagnetVersion
from cultiva.nurture.models import Enrolment
from cultiva.sales.models import HandOver
from cultiva.segments.lists import segment_names
from cultiva.segments.personas.actions import list_personas
from cultiva.web.criteria_text import CriteriaField, predicate_of, readable
from cultiva.web.staff import ALL_ROLES, EVERYDAY, MAY_ANSWER, StaffRequest, staff_screen
from cultiva.web.timeline import GROUPS, lead_timeline
from cultiva.web.views.lead_personas import persona_card, persona_changes
from cultiva.web.views.lead_scores import instant_asked, models_of, score_card
from cultiva.web.words import (
    BASIS_LABELS,
    OBJECTIVE_WORDS,
    action_words,
    attribute_label,
    in_language,
    refusal,
    refusals,
    stage_labels,
    temperature_words,
)

BULK_QUERY = ("search", "stage", "temperature", "criteria")  # what an action on all of the list needs to know
LIST_SECONDS = 5.0  # for a page of leads and their count by criteria
LONGEST_IN_ADDRESS = 1500
KEPT, MOST_KEPT = "kept-", 5  # criteria in a session
TEMPERATURES = [
    ("", gettext_lazy("Any temperature")),
    ("hot", gettext_lazy("Hot")),
    ("warm", gettext_lazy("Warm")),
    ("cold", gettext_lazy("Cold")),
    ("none", gettext_lazy("Without score")),
]
SORTS = [
    ("newest", gettext_lazy("Newest first")),
    ("score", gettext_lazy("Highest score first")),
    ("seen", gettext_lazy("Last seen first")),
]
GROUP_LABELS = {
    "": pgettext_lazy("timeline", "All"),
    "visits": gettext_lazy("What they did"),
    "mail": gettext_lazy("Mail"),
    "stages": gettext_lazy("Stages"),
    "consent": gettext_lazy("Consent"),
    "other": gettext_lazy("Other"),
}


class FilterForm(forms.Form):
    search = forms.CharField(
        required=False, max_length=100, label=gettext_lazy("Search"),
        widget=forms.TextInput({"placeholder": gettext_lazy("Name, company or e-mail"), "type": "search"}),
    )  # fmt: skip
    stage = forms.ChoiceField(required=False, label=gettext_lazy("Stage"))
    temperature = forms.ChoiceField(required=False, choices=TEMPERATURES, label=gettext_lazy("Temperature"))
    objective = forms.ChoiceField(
        required=False, label=gettext_lazy("Latest objective"),
        choices=[("", gettext_lazy("Any objective")), *OBJECTIVE_WORDS.items()],
    )  # fmt: skip
    sort = forms.ChoiceField(required=False, choices=SORTS, label=gettext_lazy("Order"))

    def __init__(self, *args: Any, stages: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stage = self.fields["stage"]
        assert isinstance(stage, forms.ChoiceField)
        stage.choices = [("", _("Any stage")), *stages.items()]


class CriteriaForm(forms.Form):
    """The filter by criteria above the list."""

    criteria = CriteriaField(label=gettext_lazy("Show the leads of whom this holds"))

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["criteria"]
        assert isinstance(field, CriteriaField)
        field.workspace = workspace

    @property
    def node(self) -> Node:
        return parse(self.cleaned_data["criteria"])


def keep_criteria(request: StaffRequest, document: Any) -> str:
    """What stands in the address: the document itself, or a word for one that lies in the session."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    if len(text) <= LONGEST_IN_ADDRESS and "@" not in text:  # addresses of people do not belong into logs
        return text
    word = KEPT + hashlib.sha256(text.encode()).hexdigest()[:12]
    others = {key: value for key, value in request.session.get("criteria", {}).items() if key != word}
    request.session["criteria"] = dict([*others.items(), (word, text)][-MOST_KEPT:])
    return word


def kept_criteria(request: StaffRequest) -> str:
    asked = request.GET.get("criteria", "").replace("\0", "")
    if not asked.startswith(KEPT):
        return asked
    found = request.session.get("criteria", {}).get(asked)
    if found is None:
        messages.info(request, _("The criteria of this address are kept no more: everybody is shown."))
    return found or ""


@staff_screen()
def lead_list(request: StaffRequest) -> HttpResponse:
    kept = kept_criteria(request)
    form = CriteriaForm({"criteria": readable(kept)}, workspace=request.staff.workspace) if kept else None
    return show_list(request, form)


@require_POST
@staff_screen(posts=ALL_ROLES)  # it changes nothing
def filter_by_criteria(request: StaffRequest) -> HttpResponse:
    """Criteria stand in the address of the list; long ones, and those that name addresses, in the session."""
    form = CriteriaForm(request.POST, workspace=request.staff.workspace)
    if form.is_valid():
        query = QueryDict(request.POST.get("query", ""), mutable=True)
        query.pop("after", None)
        query["criteria"] = keep_criteria(request, form.cleaned_data["criteria"])
        return redirect(f"{reverse('web:leads')}?{query.urlencode()}")
    request.GET = QueryDict(request.POST.get("query", ""))
    return show_list(request, form, status=422)


def show_list(request: StaffRequest, criteria: CriteriaForm | None, status: int = 200) -> HttpResponse:
    staff = request.staff
    labels = stage_labels(staff.workspace.id)
    form = FilterForm(request.GET, stages=labels)
    form.is_valid()  # a choice that does not exist is left out, and the field says so
    objective = form.cleaned_data.pop("objective", "")
    wanted = LeadFilter(**{k: v for k, v in form.cleaned_data.items() if v})
    node = node_of(criteria, objective)
    page, is_too_slow = Page(rows=[], next_key=None, count=0, is_exact=True), False
    said = ""
    try:
        if criteria is None and node is None:
            page = list_leads(workspace_id=staff.workspace.id, wanted=wanted, after=request.GET.get("after") or None)
        elif node:  # of criteria that cannot be read, nobody is meant
            said = say(criteria.node, reader_language()) if criteria else ""
            wanted = replace(wanted, predicate=predicate_of(node, workspace=staff.workspace, at=staff.at))
            with at_most(LIST_SECONDS):
                page = list_leads(
                    workspace_id=staff.workspace.id, wanted=wanted, after=request.GET.get("after") or None
                )
    except TooSlow:
        is_too_slow = True
    except ValueError as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
    came_for = objectives_of(workspace_id=staff.workspace.id, lead_ids=[row["id"] for row in page.rows])
    for row in page.rows:
        name_row(row, sees_personal_data=staff.sees_personal_data)
        row["stage_label"] = labels.get(row["stage"], row["stage"])
        row["objective"] = OBJECTIVE_WORDS.get(came_for[row["id"]].latest, "") if row["id"] in came_for else ""
    context = {
        "page_title": _("Leads"),
        "form": form,
        "page": page,
        "is_filtered": criteria is not None or wanted != LeadFilter(sort=wanted.sort),
        "is_too_slow": is_too_slow,
        "criteria": criteria or CriteriaForm(workspace=staff.workspace),
        "criteria_words": said,
        "criteria_key": request.GET.get("criteria", "") if criteria else "",
        "may_act": any(staff.role in kind.roles for kind in plugins("bulk_actions").values()),
        "bulk_query": bulk_query(request, criteria, objective),
    }
    is_part = request.headers.get("HX-Request") and request.headers.get("HX-Target", "").endswith("lead-rows")
    return render(request, "web/_lead_rows.html" if is_part else "web/leads.html", context, status=status)


def node_of(criteria: CriteriaForm | None, objective: str) -> Node | None:
    """The criteria and the objective together; None where there are neither, or the criteria cannot be read."""
    if criteria is not None and not criteria.is_valid():
        return None
    both = [criteria.cleaned_data["criteria"]] if criteria else []
    both += [{"objective": objective}] if objective else []
    return parse(both[0] if len(both) == 1 else {"all": both}) if both else None


def bulk_query(request: StaffRequest, criteria: CriteriaForm | None, objective: str) -> list[tuple[str, str]]:
    """What an action on all of the list is told of the list; it knows an objective as criteria."""
    query = {name: str(value) for name, value in request.GET.items() if name in BULK_QUERY and value}
    if objective and (criteria is None or criteria.is_valid()):
        both = [criteria.cleaned_data["criteria"]] if criteria else []
        query["criteria"] = keep_criteria(request, {"all": [*both, {"objective": objective}]})
    return list(query.items())


def name_row(row: dict[str, Any], *, sees_personal_data: bool) -> None:
    """Adds `name` and `company`; masks what an analyst must not read."""
    known = row.get("attributes") or row
    name = " ".join(str(known[k]) for k in ("first_name", "last_name") if known.get(k)) or str(known.get("phone") or "")
    row["company"] = known.get("company") or ""
    if not sees_personal_data:
        row["email"], name = mask(row["email"]), mask(name)
    row["name"] = name or row["email"] or f"#{row.get('id') or row.get('lead_id')}"


def mask(text: str) -> str:
    """`ana@riega.example` as `a…@…`: enough to tell rows apart, not to know a person."""
    return f"{text[:1]}…{'@…' if '@' in text else ''}" if text else ""


@staff_screen(posts=EVERYDAY)
def profile(request: StaffRequest, lead_id: int) -> HttpResponse:
    staff = request.staff
    here = Lead.objects.filter(workspace_id=staff.workspace.id, id=lead_id, merged_into=None)
    lead = here.select_related("state__owner", "company").first()
    if lead is None:
        return merged_profile(request, lead_id)
    group = request.GET.get("show", "")
    timeline = lead_timeline(
        workspace_id=lead.workspace_id, lead_id=lead.id, at=staff.at, group=group if group in GROUPS else "",
        words=segment_names(lead.workspace_id) | {each.key: each.name for each in list_personas(lead.workspace_id)}
        | stage_labels(lead.workspace_id) | temperature_words() | refusals(),
    )  # fmt: skip
    if request.headers.get("HX-Request"):
        return render(request, "web/_timeline.html", {
            "timeline": timeline, "now": staff.at, "lead": lead, "may_act": staff.role in EVERYDAY,
        })  # fmt: skip
    consent = consent_card(lead, request)
    erased_at = consent["mark"].blocked_at if consent["mark"] else None
    name = lead.full_name if staff.sees_personal_data else mask(lead.full_name)
    scored_at = instant_asked(request)
    context = {
        "page_title": _("Erased person") if erased_at else name,
        "erased_at": erased_at,
        "lead": lead,
        "now": staff.at,
        "email": lead.email if staff.sees_personal_data else mask(lead.email),
        "state": lead.state,
        "attributes": shown_attributes(lead) if staff.sees_personal_data else [],
        "misfits": shown_misfits(lead) if staff.sees_personal_data else [],
        "identity": shown_identity(lead, sees_personal_data=staff.sees_personal_data),
        "scores": [score_card(lead, model, scored_at) for model in models_of(lead.workspace_id)],
        "scored_at": scored_at,
        "scored_on": localtime(scored_at).date().isoformat() if scored_at < staff.at else "",
        "today": localtime(staff.at).date().isoformat(),
        "persona": persona_card(lead, request),
        "persona_changes": persona_changes(lead),
        "timeline": timeline,
        "groups": GROUP_LABELS.items(),
        "group": group,
        "consent": consent,
        "may_answer": staff.role in MAY_ANSWER,
        "changes": stage_history(lead),
        "hand_over": HandOver.objects.filter(workspace_id=lead.workspace_id, lead_id=lead.id)
        .select_related("owner", "answered_by").order_by("-id").first(),
        "grants": grants_of(lead),
        "sales": sales_card(lead),
        "merges": merges_card(lead),
        "enrolments": Enrolment.objects.filter(workspace_id=lead.workspace_id, lead_id=lead.id).order_by("-id")[:5],
        "may_act": staff.role in EVERYDAY,
        "steps": stages_for(lead),
        "objectives": objectives_card(lead),
        "origins": LeadOrigin.objects.filter(workspace_id=lead.workspace_id, lead_id=lead.id).order_by("-id")[:3],
        "networks": list(NETWORKS.items()),
        "social_actions": action_words().items(),
        "aside": aside_label(lead),
    }  # fmt: skip
    return render(request, "web/lead.html", context)


def objectives_card(lead: Lead) -> dict[str, Any] | None:
    """{first, latest} in words; None where they sent no form."""
    found = objectives_of(workspace_id=lead.workspace_id, lead_ids=[lead.id]).get(lead.id)
    if found is None:
        return None
    return {each: OBJECTIVE_WORDS.get(getattr(found, each), getattr(found, each)) for each in ("first", "latest")}


def merged_profile(request: StaffRequest, lead_id: int) -> HttpResponse:
    """The page of a merged lead is that of the one they are now."""
    current = current_lead_id(request.staff.workspace.id, lead_id)
    if current == lead_id:
        raise Http404
    messages.info(request, _("This lead was merged: here is the one they are now."))
    return redirect("web:lead", lead_id=current)


def merges_card(lead: Lead) -> list[dict[str, Any]]:
    """[{merge, name, email, by, may_undo}] of the merges in force, newest first: they are undone in that order."""
    return [
        {
            "merge": each,
            "name": each.merged.full_name,
            "email": each.merged.email,
            "by": person(each.by),
            "may_undo": place == 0,
        }
        for place, each in enumerate(merges_of(workspace_id=lead.workspace_id, lead_id=lead.id))
    ]


def person(actor: str) -> str:
    """`user:7` as a name; others (an API key, the command line) as they are."""
    kind, _colon, number = actor.partition(":")
    user = User.objects.filter(id=int(number)).first() if kind == "user" and number.isdigit() else None
    return str(user) if user else actor


def shown_attributes(lead: Lead) -> list[tuple[str, Any]]:
    hidden = {"first_name", "last_name", "email"}  # the header says them
    known = definitions(lead.workspace_id, "lead")
    return [
        (known[key].label if key in known and known[key].label else attribute_label(key), in_words(value))
        for key, value in sorted(lead.attributes.items())
        if key not in hidden
    ]


def in_words(value: Any) -> Any:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def shown_misfits(lead: Lead) -> list[dict[str, Any]]:
    found = misfits_of(workspace_id=lead.workspace_id, subject="lead", subject_id=lead.id)
    return [{"label": attribute_label(each.key), "misfit": each, "value": in_words(each.value)} for each in found]


def conflict_words() -> dict[str, str]:
    return {
        "another_address": _("Somebody gave another address on the same browser."),
        "another_user": _("Another user signed in on the same browser."),
        "another_lead": _("An event said they are somebody who is another lead already."),
        "address_of_another_lead": _("They gave an address that belongs to another lead."),
    }


def shown_identity(lead: Lead, *, sees_personal_data: bool) -> dict[str, Any]:
    found = identity_of(workspace_id=lead.workspace_id, lead_id=lead.id)
    words = conflict_words()
    for conflict in found["conflicts"]:
        conflict["words"] = words.get(conflict["reason"], conflict["reason"])
    for each in found["visitors"]:
        each["user_id"] = each["user_id"] if sees_personal_data else mask(each["user_id"] or "")
    return found


def consent_card(lead: Lead, request: StaffRequest) -> dict[str, Any]:
    """The four marks, and for each purpose whether the lead may be contacted and why."""
    purposes = []
    for purpose in PurposeVersion.currents(lead.workspace_id):
        channel = purpose.body.get("channel", "email")
        decision = can_contact(
            workspace_id=lead.workspace_id, lead_ids=[lead.id], purpose=purpose.key, channel=channel,
            at=request.staff.at,
        )[lead.id]  # fmt: skip
        state = ConsentState.objects.filter(
            workspace_id=lead.workspace_id, lead_id=lead.id, purpose=purpose.key, channel=channel
        ).first()
        given = state if state and state.state == "given" else None
        since = max(filter(None, (given.since, given.renewed_at))) if given else None
        purposes.append({
            "name": purpose.name,
            "channel": channel,
            "since": since,
            "age": request.staff.at - since if since else None,
            "decision": decision,
            "refusal": refusal(decision.reason),
            "basis": BASIS_LABELS.get(decision.basis, decision.basis),
            "state": state,
        })  # fmt: skip
    mark = ConsentMark.objects.filter(workspace_id=lead.workspace_id, lead_id=lead.id).first()
    return {"mark": mark, "purposes": purposes, "calls": [each for each in purposes if each["channel"] == "phone"]}


def stage_history(lead: Lead) -> list[dict[str, Any]]:
    labels = stage_labels(lead.workspace_id)
    changes = StageChange.objects.filter(workspace_id=lead.workspace_id, lead_id=lead.id).order_by("-ordinal")[:10]
    return [
        {
            "change": change,
            "from": labels.get(change.from_stage, change.from_stage),
            "to": labels.get(change.to_stage, change.to_stage),
            "words": _("by a merge")
            if change.by == "merge"
            else (change.evidence.get("words") or {}).get(reader_language(), ""),
        }
        for change in changes
    ]


def sales_card(lead: Lead) -> dict[str, Any] | None:
    """{summary, money, rows}: what they bought, newest first; None where they never began to."""
    rows = Conversion.objects.filter(workspace_id=lead.workspace_id, lead_id=lead.id).order_by("-started_at", "-id")[:8]
    if not rows:
        return None
    summary = LeadValue.objects.filter(workspace_id=lead.workspace_id, lead_id=lead.id).first()
    kinds = {"order": _("Order"), "subscription": _("Subscription"), "checkout": _("Checkout")}
    for row in rows:
        row.label = kinds[row.kind]  # type: ignore[attr-defined]
        row.number = "" if row.key.startswith("event:") else row.key  # type: ignore[attr-defined]
    return {"summary": summary, "money": sorted(summary.value.items()) if summary else [], "rows": rows}


def grants_of(lead: Lead) -> list[dict[str, Any]]:
    titles = {m.key: m.body.get("title", {}) for m in MagnetVersion.currents(lead.workspace_id)}
    found = Grant.objects.filter(workspace_id=lead.workspace_id, lead_id=lead.id).order_by("-granted_at", "-id")[:10]
    return [{"title": in_language(titles.get(g.magnet, {})) or g.magnet, "at": g.granted_at} for g in found]
