"""Lead magnets: the list with figures, one with its funnel and its takers, and making one of any kind."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.models import Role
from cultiva.capture.actions import forms_by_magnet
from cultiva.capture.drafts import what_changed
from cultiva.criteria.references import StillUsed
from cultiva.insights.magnets import MagnetFigures, figures_of, magnet_figures
from cultiva.leads.actions import BadAddress, find_lead
from cultiva.leads.models import Lead
from cultiva.lib.documents import DocumentError
from cultiva.lib.plugins import plugins
from cultiva.magnets import drafts
from cultiva.magnets.actions import add_cost, archive_magnet, grant_magnet, remove_cost
from cultiva.magnets.kinds import MagnetKind
from cultiva.magnets.kinds.referral import Referral
from cultiva.magnets.kinds.trial import Trial, secret_of
from cultiva.magnets.models import Grant, MagnetCost, MagnetDraft, MagnetVersion
from cultiva.magnets.referrals import referrers
from cultiva.web.charts import funnel
from cultiva.web.magnet_forms import OBJECTIVE_LABELS, MagnetEditor
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.words import in_language, stage_labels

Json = dict[str, Any]

MAY_CHANGE = frozenset({Role.OWNER, Role.MARKETING})
MOST_TAKERS = 15
STEP_LABELS = {
    "seen": gettext_lazy("Saw the form"), "asked": gettext_lazy("Asked for it"), "valid": gettext_lazy("Valid"),
    "opened": gettext_lazy("Opened it"), "qualified": gettext_lazy("Marketing-qualified"),
}  # fmt: skip
VIA_LABELS = {
    "form": gettext_lazy("form"), "api": gettext_lazy("API"), "staff": gettext_lazy("by hand"),
    "referral": gettext_lazy("reward"),
}  # fmt: skip


class CostForm(forms.Form):
    amount = forms.DecimalField(
        label=gettext_lazy("Amount"), min_value=0, max_digits=12, decimal_places=2,
        widget=forms.NumberInput({"step": "0.01", "inputmode": "decimal"}),
    )  # fmt: skip
    what = forms.CharField(label=gettext_lazy("What for"), max_length=160)
    spent_on = forms.DateField(
        label=gettext_lazy("On"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
    )  # fmt: skip


@require_safe
@staff_screen()
def magnet_list(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    figures = magnet_figures(workspace_id=staff.workspace.id)
    in_force = {each.key: each for each in MagnetVersion.currents(staff.workspace.id)}
    drafted = {each.key: each for each in MagnetDraft.objects.filter(workspace_id=staff.workspace.id).order_by("key")}
    offered = forms_by_magnet(workspace_id=staff.workspace.id)
    rows = [
        {
            "key": key, "version": in_force.get(key), "draft": drafted.get(key), "kind": kind,
            "name": in_language(document["title"]), "figures": figures.get(key, MagnetFigures()),
            "has_form": key in offered,
        }
        for key in sorted({*in_force, *drafted})
        for document in [in_force[key].body if key in in_force else _drafted(staff.workspace.id, key)]
        for kind in [plugins("kinds")[document["kind"]]]
    ]  # fmt: skip
    context = {
        "page_title": _("Lead magnets"),
        "rows": rows,
        "archived": [
            (each.key, in_language(each.body["title"]))
            for each in drafts.archived_magnets(staff.workspace.id)
            if each.key not in drafted
        ],
        "library": f"{settings.PUBLIC_URL}/g/{staff.workspace.slug}",
        "may_change": staff.role in MAY_CHANGE,
    }
    return render(request, "web/magnets.html", context)


def _drafted(workspace_id: int, key: str) -> Json:
    found = drafts.draft_document(workspace_id, key)
    return found[0] if found else {}


@require_safe
@staff_screen()
def choose_kind(request: StaffRequest) -> HttpResponse:
    context = {
        "page_title": _("New lead magnet"),
        "kinds": list(plugins("kinds").values()),
        "query": request.GET.urlencode(),
    }
    return render(request, "web/magnet_new.html", context)


@staff_screen(posts=MAY_CHANGE)
def new_magnet(request: StaffRequest, kind: str) -> HttpResponse:
    if kind not in plugins("kinds"):
        raise Http404
    begun = {name: request.GET[name] for name in ("persona", "stage") if request.GET.get(name)}
    return _edit(request, plugins("kinds")[kind], "", begun, {})


@staff_screen(posts=MAY_CHANGE)
def edit_magnet(request: StaffRequest, key: str) -> HttpResponse:
    found = drafts.draft_document(request.staff.workspace.id, key)
    if found is None:
        raise Http404
    document, files = found
    return _edit(request, plugins("kinds")[document["kind"]], key, document, files)


def _edit(
    request: StaffRequest, kind: type[MagnetKind], key: str, document: Json, files: dict[str, str]
) -> HttpResponse:  # fmt: skip
    staff, is_posted = request.staff, request.method == "POST"
    editor = MagnetEditor(
        kind, staff.workspace, document, files, request.POST if is_posted else None,
        request.FILES if is_posted else None,
    )  # fmt: skip
    if is_posted and editor.is_valid():
        return _keep(request, editor, key)
    title = in_language(document["title"]) if document.get("title") else _("New: %(kind)s") % {"kind": kind.label}
    context = {
        "page_title": title,
        "kind": kind,
        "key": key,
        "editor": editor,
        "has_draft": MagnetDraft.objects.filter(workspace_id=staff.workspace.id, key=key).exists(),
        "may_change": staff.role in MAY_CHANGE,
    }
    return render(request, "web/magnet_edit.html", context, status=422 if is_posted else 200)


def _keep(request: StaffRequest, editor: MagnetEditor, key: str) -> HttpResponse:
    staff, titles = request.staff, editor.offer.cleaned_data
    key = key or drafts.free_key(staff.workspace.id, titles["title_es"] or titles["title_en"])
    document, files = editor.document(key)
    drafts.save_draft(
        workspace_id=staff.workspace.id, key=key, document=document, files=files, by=staff.actor, at=staff.at
    )
    if request.POST.get("then") != "publish":
        messages.success(request, _("The draft is saved."))
        return redirect("web:edit_magnet", key=key)
    try:
        version = drafts.publish_draft(workspace_id=staff.workspace.id, key=key, at=staff.at)
    except DocumentError as error:
        messages.error(request, str(error))
        return redirect("web:edit_magnet", key=key)
    messages.success(request, _("Version %(n)s is published.") % {"n": version.version})
    return redirect("web:magnet", key=key)


@require_safe
@staff_screen()
def magnet_page(request: StaffRequest, key: str, cost_form: CostForm | None = None, status: int = 200) -> HttpResponse:
    staff = request.staff
    versions = list(MagnetVersion.objects.filter(workspace_id=staff.workspace.id, key=key).order_by("-version"))
    if not versions:
        if not MagnetDraft.objects.filter(workspace_id=staff.workspace.id, key=key).exists():
            raise Http404
        return redirect("web:edit_magnet", key=key)
    found, older = versions[0], [*versions[1:], None]
    kind = plugins("kinds")[found.body["kind"]]
    figures = figures_of(workspace_id=staff.workspace.id, magnet=key)
    steps = [(str(STEP_LABELS[step]), count) for step, count in figures.steps]
    form = forms_by_magnet(workspace_id=staff.workspace.id).get(key, "")
    context = {
        "page_title": in_language(found.body["title"]),
        "magnet": found,
        "kind": kind,
        "intro": in_language(found.body.get("intro", "")),
        "objective": OBJECTIVE_LABELS[found.body["objective"]],
        "stage": stage_labels(staff.workspace.id).get(found.body.get("stage", ""), found.body.get("stage", "")),
        "is_archived": MagnetVersion.current(staff.workspace.id, key) is None,
        "has_draft": MagnetDraft.objects.filter(workspace_id=staff.workspace.id, key=key).exists(),
        "form": form,
        "public_address": _public_address(request, kind, key, form),
        "figures": figures,
        "funnel": funnel(steps, title=_("From seeing it to marketing-qualified")) if any(n for _s, n in steps) else "",
        "steps": [(STEP_LABELS[step], count, figures.cost_of(step)) for step, count in figures.steps],
        "costs": MagnetCost.objects.filter(workspace_id=staff.workspace.id, magnet=key).order_by("-spent_on", "-id"),
        "cost_form": cost_form or CostForm(initial={"spent_on": staff.at.date()}),
        "takers": _takers(request, key),
        "referrers": _referrers(request, key) if kind is Referral else [],
        "versions": [
            {"version": each, "changes": what_changed(before.body, each.body) if before else []}
            for each, before in zip(versions, older, strict=True)
        ],
        "secret": secret_of(staff.workspace.id, key) if kind is Trial and staff.role in MAY_CHANGE else "",
        "now": staff.at,
        "may_change": staff.role in MAY_CHANGE,
    }  # fmt: skip
    return render(request, "web/magnet.html", context, status=status)


def _public_address(request: StaffRequest, kind: type[MagnetKind], key: str, form: str) -> str:
    if not form:
        return ""
    slug = request.staff.workspace.slug
    return f"{settings.PUBLIC_URL}/m/{slug}/{key}" if kind.has_own_page else f"{settings.PUBLIC_URL}/f/{slug}/{form}"


def _takers(request: StaffRequest, key: str) -> list[Json]:
    """The latest who got it, and from where."""
    grants = Grant.objects.filter(workspace_id=request.staff.workspace.id, magnet=key).select_related("lead")
    rows = []
    for grant in grants.order_by("-id")[:MOST_TAKERS]:
        campaign = grant.origin.get("campaign") or {}
        row: Json = {
            "id": grant.lead_id, "email": grant.lead.email, "attributes": grant.lead.attributes,
            "at": grant.granted_at, "opened_at": grant.opened_at, "via": VIA_LABELS.get(grant.via, grant.via),
            "campaign": campaign.get("name") or campaign.get("source") or "",
        }  # fmt: skip
        row["name"] = grant.lead.full_name if request.staff.sees_personal_data else f"#{grant.lead_id}"
        rows.append(row)
    return rows


def _referrers(request: StaffRequest, key: str) -> list[Json]:
    rows: list[Json] = [*referrers(workspace_id=request.staff.workspace.id, magnet=key)]
    leads = Lead.objects.filter(workspace_id=request.staff.workspace.id).in_bulk([row["lead_id"] for row in rows])
    for row in rows:
        lead = leads[row["lead_id"]]
        row["name"] = lead.full_name if request.staff.sees_personal_data else f"#{lead.id}"
    return rows


@require_POST
@staff_screen(posts=MAY_CHANGE)
def discard(request: StaffRequest, key: str) -> HttpResponse:
    drafts.discard_draft(workspace_id=request.staff.workspace.id, key=key)
    messages.success(request, _("The draft is gone; the published version stays as it is."))
    return redirect("web:magnets")


@require_POST
@staff_screen(posts=MAY_CHANGE)
def archive(request: StaffRequest, key: str) -> HttpResponse:
    staff = request.staff
    try:
        archive_magnet(workspace_id=staff.workspace.id, key=key, by=staff.actor, at=staff.at)
    except StillUsed as error:
        messages.error(request, str(error))
        return redirect("web:magnet", key=key)
    messages.success(request, _("Archived: nobody gets it any more. Publish it to bring it back."))
    return redirect("web:magnets")


@require_POST
@staff_screen(posts=MAY_CHANGE)
def give(request: StaffRequest, key: str) -> HttpResponse:
    """Somebody is given it by hand: the mail goes out as after a form."""
    staff = request.staff
    if MagnetVersion.current(staff.workspace.id, key) is None or not staff.sees_personal_data:
        raise Http404
    try:
        lead = find_lead(workspace_id=staff.workspace.id, email=request.POST.get("email", "").strip())
    except BadAddress:
        lead = None
    if lead is None:
        messages.error(request, _("No lead has this address."))
    else:
        grant_magnet(workspace_id=staff.workspace.id, lead_id=lead.id, magnet=key, via="staff", at=staff.at)
        messages.success(request, _("%(name)s has it now.") % {"name": lead.full_name})
    return redirect("web:magnet", key=key)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def add_a_cost(request: StaffRequest, key: str) -> HttpResponse:
    staff, form = request.staff, CostForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("The cost was not kept: it needs an amount, a day and what it was for."))
        return redirect("web:magnet", key=key)
    if not MagnetVersion.objects.filter(workspace_id=staff.workspace.id, key=key).exists():
        raise Http404
    add_cost(workspace_id=staff.workspace.id, magnet=key, by=staff.actor, at=staff.at, **form.cleaned_data)
    return redirect("web:magnet", key=key)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def remove_a_cost(request: StaffRequest, key: str, cost_id: int) -> HttpResponse:
    remove_cost(workspace_id=request.staff.workspace.id, magnet=key, cost_id=cost_id)
    return redirect("web:magnet", key=key)
