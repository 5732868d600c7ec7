"""The main persona on a lead's profile: how close, why, and which it was before."""

from typing import Any

from cultiva.criteria.explaining import explain as explain_criteria
from cultiva.criteria.language import AllOf
from cultiva.leads.models import Lead
from cultiva.lib.languages import reader_language
from cultiva.segments.personas.actions import list_personas, persona_of
from cultiva.segments.personas.history import changes_of
from cultiva.segments.standing import read_persona
from cultiva.web.staff import StaffRequest


def persona_card(lead: Lead, request: StaffRequest) -> dict[str, Any] | None:
    """{row, percent, ahead, runner_up, since, criteria: [{words, holds, percent}]}; None where none is close enough."""
    place = persona_of(workspace_id=lead.workspace_id, lead_id=lead.id)
    found = {each.key: each for each in list_personas(lead.workspace_id)} if place else {}
    if place is None or place.persona not in found or place.closeness is None or place.confidence is None:
        return None
    row = found[place.persona]
    criteria = read_persona(row.key, row.criteria).criteria
    whole = AllOf(tuple(when for when, _weight in criteria))
    told = explain_criteria(whole, workspace_id=lead.workspace_id, lead_id=lead.id, at=request.staff.at).parts
    total = sum(weight for _when, weight in criteria)
    return {
        "row": row,
        "percent": round(100 * place.closeness),
        "ahead": round(100 * place.confidence),
        "runner_up": found.get(place.runner_up or ""),
        "since": place.since,
        "criteria": [
            {"words": part.words[reader_language()], "holds": part.holds, "percent": round(100 * weight / total)}
            for part, (_when, weight) in zip(told, criteria, strict=True)
        ],
    }


def persona_changes(lead: Lead) -> list[dict[str, Any]]:
    """[{at, name, percent, ahead, is_by_definition}], newest first; `name` is empty where none was close enough."""
    found = changes_of(workspace_id=lead.workspace_id, lead_id=lead.id)
    names = {each.key: each.name for each in list_personas(lead.workspace_id)} if found else {}
    return [
        {
            "at": each.at,
            "name": names.get(each.persona, each.persona) if each.persona else "",
            "percent": round(100 * each.closeness) if each.persona and each.closeness is not None else None,
            "ahead": round(100 * (each.confidence or 0)),
            "is_by_definition": each.is_by_definition,
        }
        for each in found
    ]
