"""On whom an action acts: `{leads: [7, 8]}`, `{segment: clientes}`, or what the list of leads was filtered by,
`{filter: {search: .., stage: .., temperature: .., criteria: {..}}}`; an empty filter is everybody."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from cultiva.accounts.models import Workspace
from cultiva.bulk.kinds.base import BulkRefused
from cultiva.bulk.words import shown
from cultiva.criteria.checking import check
from cultiva.criteria.language import Context, compile_predicate, parse
from cultiva.leads.audience import Predicate
from cultiva.leads.lists import LeadFilter, selecting
from cultiva.lib.database import load_sql
from cultiva.lib.documents import check_keys
from cultiva.segments.actions import find_segment
from cultiva.segments.models import Segment

Json = dict[str, Any]

MOST_TICKED = 10_000
KINDS = ("leads", "segment", "filter")
FILTERS = ("search", "stage", "temperature", "criteria")
MAX_ID = 2**63


def read_selection(document: Any, *, workspace_id: int) -> Json:
    """The selection, if it can be used; raises DocumentError or BulkRefused."""
    found = check_keys(document, allowed=KINDS, place="selection")
    if len(found) != 1:
        raise BulkRefused(
            gettext("A selection is one of %(kinds)s.") % {"kinds": ", ".join(KINDS)}, "{segment: clientes}"
        )
    if "leads" in found:
        return {"leads": _read_ids(found["leads"])}
    if "segment" in found:
        return {"segment": _segment(workspace_id, str(found["segment"])).key}
    wanted = check_keys(found["filter"], allowed=FILTERS, place="selection.filter")
    for name in ("search", "stage", "temperature"):
        if not isinstance(wanted.get(name, ""), str):
            problem = gettext("`%(place)s` is %(value)s.")
            raise BulkRefused(
                problem % {"place": f"selection.filter.{name}", "value": repr(wanted[name])}, gettext("a text")
            )
    if wanted.get("criteria") is not None:
        node = parse(wanted["criteria"], place="selection.filter.criteria")
        for found_wrong in check(node, workspace_id=workspace_id, place="selection.filter.criteria"):
            raise BulkRefused(str(found_wrong))
    return {"filter": {name: value for name, value in wanted.items() if value}}


def _segment(workspace_id: int, key: str) -> Segment:
    found = find_segment(workspace_id, key)
    if found is None:
        raise BulkRefused(gettext("There is no segment `%(key)s`.") % {"key": key}, gettext("name one by its key"))
    if found.wants_build:
        problem = gettext("Who is in segment `%(key)s` is being worked out.") % {"key": key}
        raise BulkRefused(problem, gettext("try again in a moment"))
    return found


def _read_ids(given: Any) -> list[int]:
    if not isinstance(given, list) or not all(type(each) is int and 0 < each < MAX_ID for each in given):
        raise BulkRefused(gettext("`selection.leads` is no list of ids."), "[7, 8]")
    if not given:
        raise BulkRefused(gettext("No lead is chosen."), gettext("tick some, or choose all that match"))
    if len(given) > MOST_TICKED:
        problem = gettext("%(count)s leads one by one are too many.") % {"count": shown(len(given))}
        hint = gettext("at most %(most)s, or a filter or segment") % {"most": shown(MOST_TICKED)}
        raise BulkRefused(problem, hint)
    return sorted(set(given))


def chosen(selection: Json, *, workspace: Workspace, at: datetime) -> tuple[str, Json]:
    """SQL that gives the ids of the leads as `id`, and its parameters."""
    if "leads" in selection:
        return load_sql("bulk", "leads_ticked"), {"workspace": workspace.id, "leads": selection["leads"]}
    if "segment" in selection:
        segment = _segment(workspace.id, selection["segment"])
        return load_sql("bulk", "leads_of_segment"), {"workspace": workspace.id, "segment": segment.id}
    wanted = dict(selection["filter"])
    criteria = wanted.pop("criteria", None)
    predicate = None
    if criteria is not None:
        context = Context(timezone=workspace.time_zone)
        sql = compile_predicate(parse(criteria), context)
        predicate = Predicate(sql, {**context.parameters, "at": at})
    return selecting(workspace_id=workspace.id, wanted=LeadFilter(**wanted, predicate=predicate))
