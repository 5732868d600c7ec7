"""What the component that builds criteria asks for: words, values seen, and who is meant. Everything is JSON."""

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cultiva.criteria.conditions.mark import HasMark
from cultiva.criteria.language import AllOf, Node, say
from cultiva.leads.audience import Audience, TooSlow, at_most, estimate_audience, leads_shown
from cultiva.lib.database import fetch_all
from cultiva.lib.languages import reader_language
from cultiva.segments.counting import count as count_leads
from cultiva.web import vocabulary as words_of
from cultiva.web.criteria_text import PLACE, Problem, predicate_of, read_criteria, shorter
from cultiva.web.staff import ALL_ROLES, Staff, StaffRequest, staff_screen
from cultiva.web.views.leads import name_row

ESTIMATE_SECONDS, COUNT_SECONDS = 1.0, 8.0
COUNTING = 20_261  # the first half of the advisory lock, the second is the person


@require_safe
@staff_screen()
def vocabulary(request: StaffRequest) -> HttpResponse:
    """Everything; with `attribute`, `event`, or `event` and `property`, what was seen of one."""
    staff, asked = request.staff, {key: str(value).replace("\0", "") for key, value in request.GET.items()}
    if "attribute" in asked:
        return JsonResponse({"values": words_of.values_of_attribute(staff, asked["attribute"])})
    if "property" in asked:
        found = words_of.values_of_property(staff, asked.get("event", ""), asked["property"])
        return JsonResponse({"values": found})
    if "event" in asked:
        return JsonResponse({"properties": words_of.properties_of_event(staff, asked["event"])})
    return JsonResponse(words_of.vocabulary(staff))


@require_POST
@staff_screen(posts=ALL_ROLES)  # it changes nothing
def preview(request: StaffRequest) -> HttpResponse:
    """`{criteria: text, count: "estimate" | "exact" | "", only_valid}`: what it says, what is wrong, who is meant."""
    try:
        asked = json.loads(request.body)
        text, count, only_valid = str(asked["criteria"]), asked.get("count", ""), asked.get("only_valid") is True
    except RequestDataTooBig:
        problem = Problem(PLACE, _("The criteria are too long."), shorter())
        return JsonResponse({"problems": [vars(problem)]}, status=413)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return JsonResponse({"problems": [vars(Problem(PLACE, _("The question could not be read.")))]}, status=400)
    reading = read_criteria(text.replace("\0", "\ufffd"), request.staff.workspace)
    answer: dict[str, Any] = {
        "document": reading.document,
        "problems": [vars(problem) for problem in reading.problems],
    }
    if reading.node is not None:
        answer["words"] = say(reading.node, reader_language())
        answer |= _counted(request.staff, reading.node, count, only_valid=only_valid)
    return JsonResponse(answer)


def _counted(staff: Staff, node: Node, count: str, *, only_valid: bool) -> dict[str, Any]:
    """{count, is_exact, sample}; or {is_busy} while an earlier count of this person still runs, or {is_too_slow}."""
    try:
        if count == "estimate":
            with at_most(ESTIMATE_SECONDS):
                asked = AllOf((HasMark("valid"), node)) if only_valid else node
                predicate = predicate_of(asked, workspace=staff.workspace, at=staff.at)
                return _audience(staff, estimate_audience(workspace_id=staff.workspace.id, predicate=predicate))
        if count == "exact":
            if not _may_count(staff):
                return {"is_busy": True}
            with at_most(COUNT_SECONDS):
                found = count_leads(
                    workspace_id=staff.workspace.id, node=node, at=staff.at, takes_only_valid=only_valid
                )
                return _audience(staff, Audience(found.count, True, found.lead_ids))
    except TooSlow:
        return {"is_too_slow": True}
    return {}


def _may_count(staff: Staff) -> bool:
    """One count at a time for each person: what they changed meanwhile waits instead of running beside it."""
    key = [COUNTING, staff.user.id % 2**31]
    return bool(fetch_all("SELECT pg_try_advisory_xact_lock(%s, %s) AS is_ours", key)[0]["is_ours"])


def _audience(staff: Staff, audience: Audience) -> dict[str, Any]:
    rows = leads_shown(workspace_id=staff.workspace.id, lead_ids=audience.lead_ids)
    for row in rows:
        name_row(row, sees_personal_data=staff.sees_personal_data)
    return {
        "count": audience.count,
        "is_exact": audience.is_exact,
        "sample": [
            {
                "name": row["name"],
                "company": row["company"] or row["email"],
                "url": reverse("web:lead", args=[row["id"]]),
            }
            for row in rows
        ],
    }
