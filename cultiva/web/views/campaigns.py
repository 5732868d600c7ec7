"""Campaigns: the list, one with what came of it, writing one, its links, costs and what belongs to it."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.models import Role
from cultiva.capture.campaigns import actions
from cultiva.capture.campaigns.documents import document_of, member_kinds, read_campaign
from cultiva.capture.campaigns.figures import FIRST, LAST, STEPS, Figures, campaign_figures
from cultiva.capture.models import Campaign
from cultiva.documents.kinds import kinds
from cultiva.lib.documents import DocumentError
from cultiva.magnets.actions import OBJECTIVES
from cultiva.web.charts import funnel
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.templatetags.ui import amount
from cultiva.web.words import OBJECTIVE_WORDS, in_language

Json = dict[str, Any]

MAY_CHANGE = frozenset({Role.OWNER, Role.MARKETING})
DAY = {"type": "date"}
MEDIA = ("cpc", "paid-social", "social", "email", "referral", "display", "affiliate", "print")


class CampaignForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=160)
    key = forms.SlugField(
        label=gettext_lazy("Short name"), max_length=80, required=False,
        help_text=gettext_lazy("What links carry as utm_campaign. Left empty, it is made from the name."),
    )  # fmt: skip
    objective = forms.ChoiceField(
        label=gettext_lazy("Objective"), choices=[(each, OBJECTIVE_WORDS[each]) for each in OBJECTIVES]
    )
    starts_on = forms.DateField(label=gettext_lazy("Begins on"), required=False, widget=forms.DateInput(DAY))
    ends_on = forms.DateField(label=gettext_lazy("Ends on"), required=False, widget=forms.DateInput(DAY))
    budget = forms.DecimalField(
        label=gettext_lazy("Budget"), required=False, min_value=Decimal(0), max_digits=14, decimal_places=2
    )
    currency = forms.RegexField(
        "^[A-Z]{3}$", label=gettext_lazy("Currency"), initial="EUR",
        help_text=gettext_lazy("Three letters. Sales in this currency are set against the costs."),
    )  # fmt: skip


class LinkForm(forms.Form):
    url = forms.CharField(
        label=gettext_lazy("Page"), max_length=1000, widget=forms.URLInput({"placeholder": "https://www.example.com/"})
    )
    source = forms.CharField(
        label=gettext_lazy("Source (utm_source)"), max_length=100, widget=forms.TextInput({"placeholder": "linkedin"})
    )
    medium = forms.ChoiceField(label=gettext_lazy("Medium (utm_medium)"), choices=[(each, each) for each in MEDIA])
    content = forms.CharField(label=gettext_lazy("Which one of several (utm_content)"), max_length=100, required=False)
    term = forms.CharField(label=gettext_lazy("Search word (utm_term)"), max_length=100, required=False)


class CostForm(forms.Form):
    day = forms.DateField(label=gettext_lazy("Day"), widget=forms.DateInput(DAY))
    amount = forms.DecimalField(label=gettext_lazy("Amount"), min_value=Decimal(0), max_digits=14, decimal_places=2)
    note = forms.CharField(label=gettext_lazy("What for"), max_length=200, required=False)


class MemberForm(forms.Form):
    member = forms.ChoiceField(label=gettext_lazy("Form, magnet, mail or workflow"))

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["member"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices


def step_words() -> dict[str, str]:
    return {
        "visitors": _("Visitors"), "leads": _("Leads"), "valid": _("Valid leads"),
        "qualified": _("Qualified for marketing"), "customers": _("Customers"),
    }  # fmt: skip


@require_safe
@staff_screen()
def campaign_list(request: StaffRequest) -> HttpResponse:
    staff, touch = request.staff, touch_of(request)
    figures = campaign_figures(workspace_id=staff.workspace.id, touch=touch, at=staff.at)
    context = {
        "page_title": _("Campaigns"),
        "rows": [
            {
                "campaign": each,
                "figures": (found := figures.get(each.key, Figures())),
                "roi": percent(found.roi),
                "cost_of_lead": found.cost_of("leads"),
                "objective": OBJECTIVE_WORDS.get(each.objective, each.objective),
            }
            for each in actions.list_campaigns(staff.workspace.id)
        ],
        "touch": touch,
        "may_change": staff.role in MAY_CHANGE,
    }
    return render(request, "web/campaigns.html", context)


@require_safe
@staff_screen()
def campaign(request: StaffRequest, key: str) -> HttpResponse:
    return campaign_page(request, find(request, key))


def campaign_page(
    request: StaffRequest, found: Campaign, bound: dict[str, forms.Form] | None = None, status: int = 200
) -> HttpResponse:
    staff, touch, words = request.staff, touch_of(request), step_words()
    figures = campaign_figures(workspace_id=found.workspace_id, touch=touch, at=staff.at).get(found.key, Figures())
    settings = actions.settings_of(found)
    forms_here = {"link": LinkForm(), "cost": CostForm(initial={"day": staff.at.date()})} | (bound or {})
    names = names_of_members(found.workspace_id)
    context = {
        "page_title": found.name,
        "campaign": found,
        "objective": OBJECTIVE_WORDS.get(found.objective, found.objective),
        "figures": figures,
        "roi": percent(figures.roi),
        "touch": touch,
        "funnel": funnel([(words[step], getattr(figures, step)) for step in STEPS], title=_("What came of it"))
        if figures.visitors else "",
        "headings": [_("Step"), _("People"), _("Cost of each")],
        "rows": [(words[step], amount(getattr(figures, step)), money(figures.cost_of(step), found)) for step in STEPS],
        "spent": sum((cost.amount for cost in settings.costs), Decimal(0)),
        "links": [(place, link, link.address(found.key)) for place, link in enumerate(settings.links)],
        "costs": list(enumerate(settings.costs)),
        "members": [
            (place, kinds()[kind].label if kind in kinds() else kind, names.get((kind, member), member))
            for place, (kind, member) in enumerate(settings.members)
        ],
        "link_form": forms_here["link"],
        "cost_form": forms_here["cost"],
        "member_form": MemberForm(choices=member_choices(found.workspace_id, names, set(settings.members))),
        "may_change": staff.role in MAY_CHANGE,
    }  # fmt: skip
    return render(request, "web/campaign.html", context, status=status)


@staff_screen(posts=MAY_CHANGE)
def edit_campaign(request: StaffRequest, key: str = "") -> HttpResponse:
    staff = request.staff
    found = find(request, key) if key else None
    initial = {name: getattr(found, name) for name in CampaignForm.base_fields} if found else None
    form = CampaignForm(request.POST if request.method == "POST" else None, initial=initial)
    if found:
        form.fields["key"].disabled = True  # links are out with it
    if request.method == "POST" and form.is_valid():
        given = {name: value for name, value in form.cleaned_data.items() if value not in (None, "")}
        key = given.pop("key", "") or actions.free_key(staff.workspace.id, given["name"])
        if found is None and actions.find_campaign(staff.workspace.id, key):
            form.add_error("key", _("Another campaign has this short name."))
        else:
            parts = document_of(actions.settings_of(found)) if found else {}
            kept = {name: parts[name] for name in ("links", "costs", "members") if name in parts}
            try:
                save(request, given | kept | {"campaign": key})
                return redirect("web:campaign", key=key)
            except DocumentError as error:
                tell_errors(form, error)
    context = {
        "page_title": found.name if found else _("New campaign"), "form": form, "campaign": found,
        "may_change": staff.role in MAY_CHANGE,
    }  # fmt: skip
    return render(request, "web/campaign_form.html", context, status=422 if form.errors else 200)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def add_part(request: StaffRequest, key: str, what: str) -> HttpResponse:
    """One more link, cost or member."""
    found = find(request, key)
    document = document_of(actions.settings_of(found))
    form: forms.Form
    if what == "link":
        form, name = LinkForm(request.POST), "links"
    elif what == "cost":
        form, name = CostForm(request.POST), "costs"
    elif what == "member":
        names = names_of_members(found.workspace_id)
        form, name = MemberForm(request.POST, choices=member_choices(found.workspace_id, names, set())), "members"
    else:
        raise Http404
    if form.is_valid():
        given = {field: value for field, value in form.cleaned_data.items() if value not in (None, "")}
        if name == "members":
            kind, member = given["member"].split(":", 1)
            members = document.setdefault("members", {})
            members[kind] = [*members.get(kind, []), member]
        else:
            document[name] = [*document.get(name, []), given]
        try:
            save(request, document)
            return redirect("web:campaign", key=key)
        except DocumentError as error:
            tell_errors(form, error)
    return campaign_page(request, found, {what: form}, status=422)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def take_out(request: StaffRequest, key: str, what: str, place: int) -> HttpResponse:
    found = find(request, key)
    settings = actions.settings_of(found)
    name = {"link": "links", "cost": "costs", "member": "members"}.get(what)
    parts = getattr(settings, name) if name else ()
    if name is None or place >= len(parts):
        raise Http404
    left = type(settings)(**vars(settings) | {name: (*parts[:place], *parts[place + 1 :])})
    actions.save_campaign(workspace_id=found.workspace_id, settings=left, by=request.staff.actor, at=request.staff.at)
    messages.success(request, _("Taken out."))
    return redirect("web:campaign", key=key)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def delete(request: StaffRequest, key: str) -> HttpResponse:
    found, staff = find(request, key), request.staff
    actions.delete_campaign(workspace_id=found.workspace_id, key=key, by=staff.actor, at=staff.at)
    messages.success(request, _("The campaign is gone; its leads are still there."))
    return redirect("web:campaigns")


def find(request: StaffRequest, key: str) -> Campaign:
    found = actions.find_campaign(request.staff.workspace.id, key)
    if found is None:
        raise Http404
    return found


def save(request: StaffRequest, document: Json) -> None:
    staff = request.staff
    settings = read_campaign(document, workspace_id=staff.workspace.id)
    actions.save_campaign(workspace_id=staff.workspace.id, settings=settings, by=staff.actor, at=staff.at)


def tell_errors(form: forms.Form, error: DocumentError) -> None:
    """Each at its field, where the form has one."""
    for each in error.errors:
        field = each.place.rpartition(".")[2]
        form.add_error(field if field in form.fields else None, " ".join(filter(None, (each.problem, each.hint))))


def touch_of(request: StaffRequest) -> str:
    return FIRST if request.GET.get("touch") == FIRST else LAST


def percent(share: Decimal | None) -> Decimal | None:
    return None if share is None else share * 100


def money(value: Decimal | None, of: Campaign) -> str:
    return "–" if value is None else f"{amount(value)} {of.currency}"


def names_of_members(workspace_id: int) -> dict[tuple[str, str], str]:
    """{(kind, key): name} of all that could belong to a campaign."""
    found = {}
    for kind in member_kinds():
        for key, present in kinds()[kind].present(workspace_id).items():
            body = present.body
            texts = in_language(body.get("languages") or {})
            name = body.get("name") or body.get("title") or (texts.get("title") if isinstance(texts, dict) else "")
            found[kind, key] = str(in_language(name) or key)
    return found


def member_choices(
    workspace_id: int, names: dict[tuple[str, str], str], taken: set[tuple[str, str]]
) -> list[tuple[str, str]]:
    return [
        (f"{kind}:{key}", f"{kinds()[kind].label}: {name}")
        for (kind, key), name in names.items()
        if (kind, key) not in taken
    ]
