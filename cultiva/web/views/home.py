"""The first screen."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import formats
from django.utils.translation import gettext as _

from cultiva.insights.home import home_report
from cultiva.lifecycle.actions import count_by_stage
from cultiva.sales.actions import waiting
from cultiva.web.charts import bars, funnel
from cultiva.web.staff import StaffRequest, staff_screen


@staff_screen()
def home(request: StaffRequest) -> HttpResponse:
    return render(request, "web/home.html", {"page_title": _("Home"), **home_facts(request)})


@staff_screen()
def live(request: StaffRequest) -> HttpResponse:
    """The part of the page that moves; htmx asks for it again every few seconds."""
    return render(request, "web/_home_live.html", home_facts(request))


def home_facts(request: StaffRequest) -> dict[str, Any]:
    staff = request.staff
    report = home_report(workspace_id=staff.workspace.id, time_zone=staff.workspace.time_zone, at=staff.at)
    stages = [(row["label"], row["reached"]) for row in count_by_stage(staff.workspace.id) if not row["is_aside"]]
    days = [(formats.date_format(row["day"], "j M"), row["leads"]) for row in report.by_day]
    return {
        "now": staff.at,
        "report": report,
        "headlines": [
            (_("New leads"), report.headlines["new_leads"]),
            (_("Valid leads"), report.headlines["valid_leads"]),
            (_("Sales-qualified"), report.headlines["qualified"]),
            (_("New customers"), report.headlines["customers"]),
        ],
        "waiting": waiting(staff.workspace.id, staff.at)[:6],
        "funnel": funnel(stages, title=_("Leads that reached each stage")),
        "funnel_rows": stages,
        "leads_chart": bars([day for day, _leads in days], [leads for _day, leads in days], title=_("New leads a day")),
        "day_rows": days,
    }
