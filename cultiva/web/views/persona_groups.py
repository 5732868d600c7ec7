"""Looking for groups among the leads: asked for, followed, told, and made a persona."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cultiva.criteria.language import parse, say
from cultiva.lib.documents import DocumentError
from cultiva.lib.languages import reader_language
from cultiva.segments.persona_models import Discovery
from cultiva.segments.personas.actions import PersonaRefused, find_persona
from cultiva.segments.personas.discovering import GOING, accept_group, ask_discovery, find_discovery, latest_discovery
from cultiva.web.persona_charts import legend_mark, scatter, trait_bar
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.views.personas import MAY_CHANGE


@require_safe
@staff_screen()
def discovery(request: StaffRequest) -> HttpResponse:
    """The last look for groups, or the asking for one."""
    return discovery_page(request, latest_discovery(request.staff.workspace.id))


def discovery_page(request: StaffRequest, found: Discovery | None) -> HttpResponse:
    language = reader_language()
    result = found.result if found else {}
    groups = result.get("groups", [])
    context = {
        "page_title": _("Groups among your leads"),
        "discovery": found,
        "is_going": found is not None and found.state in GOING,
        "step": _steps().get(found.step, "") if found else "",
        "groups": [_group(each, n, found, language) for n, each in enumerate(groups)] if found else [],
        "why_none": _why_none().get(result.get("why_none", ""), ""),
        "picture": scatter(result["points"], [each["name"][language] for each in groups]) if groups else "",
        "features": [name for _is_event, name in result.get("features", [])],
        "no_mark": legend_mark(-1),
        "may_change": request.staff.role in MAY_CHANGE,
        "now": request.staff.at,
    }
    is_part = request.headers.get("HX-Request") and request.headers.get("HX-Target", "").endswith("discovery-state")
    return render(request, "web/_discovery_state.html" if is_part else "web/persona_discovery.html", context)


def _group(group: dict[str, Any], number: int, found: Discovery, language: str) -> dict[str, Any]:
    total = sum(each["weight"] for each in group["criteria"])
    return {
        "number": number,
        "mark": legend_mark(number),
        "name": group["name"][language],
        "size": group["size"],
        "share": round(100 * group["size"] / max(1, found.leads)),
        "stability": group["stability"],
        "traits": group["traits"],
        "rows": [
            {
                "words": trait["words"][language],
                "inside": round(100 * trait["inside"]),
                "others": round(100 * trait["others"]),
                "bar": trait_bar(trait["inside"], trait["others"]),
                "lift": trait["lift"],
                "difference": trait["difference"],
            }
            for trait in group["traits"]
        ],
        "criteria": [
            {"words": say(parse(each["when"]), language), "percent": round(100 * each["weight"] / total)}
            for each in group["criteria"]
        ],
        "precision": round(100 * group["precision"]),
        "recall": round(100 * group["recall"]),
        "accepted": find_persona(found.workspace_id, group["accepted"] or ""),
    }  # fmt: skip


def _steps() -> dict[str, str]:
    return {
        "reading": _("Reading what is known of the leads …"),
        "comparing": _("Trying how many groups there might be …"),
        "imitating": _("Making sure that they are more than a trend …"),
        "resampling": _("Making sure that they come back …"),
    }


def _why_none() -> dict[str, str]:
    return {
        "few": _(
            "There are too few valid leads, or too little is known of them: 60 leads and 3 attributes are needed."
        ),
        "one": _("Your leads are one crowd: no attributes go together more than chance would have it."),
        "trend": _("There are trends, such as larger companies doing more, but no groups that stand apart."),
        "unstable": _("What looked like groups was gone when some leads were left out. That would be no persona."),
    }


@require_POST
@staff_screen(posts=MAY_CHANGE)
def discover(request: StaffRequest) -> HttpResponse:
    ask_discovery(workspace_id=request.staff.workspace.id, by=request.staff.actor, at=request.staff.at)
    return redirect("web:persona_discovery")


@require_POST
@staff_screen(posts=MAY_CHANGE)
def accept(request: StaffRequest, discovery_id: int, number: int) -> HttpResponse:
    staff = request.staff
    if find_discovery(staff.workspace.id, discovery_id) is None:
        raise Http404
    try:
        made = accept_group(
            workspace_id=staff.workspace.id, discovery_id=discovery_id, number=number, language=reader_language(),
            name=request.POST.get("name", "")[:160], by=staff.actor, at=staff.at,
        )  # fmt: skip
    except (PersonaRefused, DocumentError) as error:
        messages.error(request, str(error))
        return redirect("web:persona_discovery")
    messages.success(request, _("It is a draft: look it over, and take the tick at Draft away to put it in force."))
    return redirect("web:edit_persona", key=made.key)
