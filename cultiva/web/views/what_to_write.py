"""For which persona at which stage a magnet is still to be written."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cultiva.insights.magnets import Cell, what_to_write
from cultiva.magnets.models import MagnetVersion
from cultiva.segments.personas.actions import list_personas
from cultiva.web.magnet_forms import stages_of
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.views.magnets import MAY_CHANGE
from cultiva.web.words import in_language

ASIDE = ("disqualified",)


@require_safe
@staff_screen()
def matrix(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    cells = what_to_write(workspace_id=staff.workspace.id)
    titles = {each.key: in_language(each.body["title"]) for each in MagnetVersion.currents(staff.workspace.id)}
    personas = [(each.key, each.name) for each in list_personas(staff.workspace.id)]
    stages = [each for each in stages_of(staff.workspace.id) if each[0] not in ASIDE]
    # What is meant for everybody, or for any stage, has its place only where there is some.
    if any(not persona for persona, _stage in cells):
        personas.append(("", _("Everybody")))
    if any(not stage for _persona, stage in cells):
        stages.append(("", _("Any stage")))
    rows = [
        {
            "name": name,
            "cells": [_cell(cells.get((persona, stage)), titles, persona, stage) for stage, _label in stages],
        }
        for persona, name in personas
    ]
    context = {
        "page_title": _("What to write next"),
        "stages": [label for _stage, label in stages],
        "rows": rows,
        "may_change": staff.role in MAY_CHANGE,
    }
    return render(request, "web/what_to_write.html", context)


def _cell(cell: Cell | None, titles: dict[str, str], persona: str, stage: str) -> dict[str, Any]:
    meant = urlencode({name: value for name, value in (("persona", persona), ("stage", stage)) if value})
    found = cell or Cell()
    low, high = found.interval or (0, 0)
    return {
        "cell": found,
        "magnets": [(key, titles.get(key, key)) for key in found.magnets],
        "percent": None if found.share is None else round(100 * found.share),
        "low": round(100 * low),
        "high": round(100 * high),
        "new": f"{reverse('web:new_magnet_kind')}?{meant}" if persona and stage else "",
    }
