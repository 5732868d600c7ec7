"""The list of companies and the page of one."""

from typing import Any

from django import forms
from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cultiva.leads.attributes import definitions
from cultiva.leads.companies import list_companies
from cultiva.leads.models import Company, Lead
from cultiva.leads.summaries import misfits_of
from cultiva.lib.database import fetch_all, load_sql
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.timeline import entry_of
from cultiva.web.views.leads import in_words, mask, name_row
from cultiva.web.words import attribute_label, stage_labels

LEADS_SHOWN = 50


class SearchForm(forms.Form):
    search = forms.CharField(
        required=False, max_length=100, label=gettext_lazy("Search"),
        widget=forms.TextInput({"placeholder": gettext_lazy("Name, domain or id"), "type": "search"}),
    )  # fmt: skip


@staff_screen()
def company_list(request: StaffRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    form.is_valid()
    search = form.cleaned_data.get("search", "")
    try:
        page = list_companies(
            workspace_id=request.staff.workspace.id, search=search, after=request.GET.get("after") or None
        )
    except ValueError as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
    context = {"page_title": _("Companies"), "form": form, "page": page, "is_filtered": bool(search)}
    is_part = request.headers.get("HX-Request") and request.headers.get("HX-Target", "").endswith("company-rows")
    return render(request, "web/_company_rows.html" if is_part else "web/companies.html", context)


@staff_screen()
def company(request: StaffRequest, company_id: int) -> HttpResponse:
    staff = request.staff
    found = Company.objects.filter(workspace_id=staff.workspace.id, id=company_id).first()
    if found is None:
        raise Http404
    sees = staff.sees_personal_data
    context = {
        "page_title": found.name or found.domain or found.external_id,
        "company": found,
        "attributes": _attributes(found),
        "misfits": [
            {"label": attribute_label(each.key), "misfit": each, "value": in_words(each.value)}
            for each in misfits_of(workspace_id=found.workspace_id, subject="company", subject_id=found.id)
        ],
        "leads": _leads(found, sees_personal_data=sees),
        "leads_shown": LEADS_SHOWN,
        "events": _events(found, request, sees_personal_data=sees),
        "now": staff.at,
    }
    return render(request, "web/company.html", context)


def _attributes(found: Company) -> list[tuple[str, Any]]:
    known = definitions(found.workspace_id, "company")
    return [
        (known[key].label if key in known and known[key].label else attribute_label(key), in_words(value))
        for key, value in sorted(found.attributes.items())
    ]


def _leads(found: Company, *, sees_personal_data: bool) -> list[dict[str, Any]]:
    labels = stage_labels(found.workspace_id)
    leads = Lead.objects.select_related("state").filter(
        workspace_id=found.workspace_id, company_id=found.id, merged_into=None
    )
    rows = [
        {"id": lead.id, "email": lead.email, "attributes": lead.attributes, "state": lead.state}
        for lead in leads.order_by("-created_at", "-id")[:LEADS_SHOWN]
    ]
    for row in rows:
        name_row(row, sees_personal_data=sees_personal_data)
        row["stage_label"] = labels.get(row["state"].stage, row["state"].stage)
    return rows


def _events(found: Company, request: StaffRequest, *, sees_personal_data: bool) -> list[dict[str, Any]]:
    rows = fetch_all(
        load_sql("leads", "events_of_company"),
        {"workspace": found.workspace_id, "company": found.id, "at": request.staff.at},
    )
    for row in rows:
        row["entry"] = entry_of({**row, "actor": "unknown"}, {})
        known = row["attributes"]
        name = " ".join(str(known[key]) for key in ("first_name", "last_name") if known.get(key)) or row["email"]
        row["who"] = name if sees_personal_data else mask(name)
    return rows
