"""Whether a lead was valid and could be profiled at past instants."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from cultiva.consent.models import ConsentMark
from cultiva.consent.notices import PROFILING
from cultiva.lib.database import fetch_all, load_sql


def profiled_as_of(*, workspace_id: int, lead_id: int, instants: Sequence[datetime]) -> list[bool]:
    """Of each instant, whether the lead was valid by then, with a basis for profiling and no objection.

    From the last word on profiling on the mark alone counts; before it, the words told to the ledger do.
    """
    return profiled_along(workspace_id=workspace_id, instants={lead_id: instants})[lead_id]


def profiled_along(*, workspace_id: int, instants: Mapping[int, Sequence[datetime]]) -> dict[int, list[bool]]:
    """The same of many leads: {lead: one answer an instant, in their order}."""
    marks = {mark.lead_id: mark for mark in ConsentMark.objects.filter(workspace_id=workspace_id, lead_id__in=instants)}
    parameters = {"workspace": workspace_id, "leads": list(marks), "purpose": PROFILING}
    words: dict[int, list[tuple[datetime, str]]] = {}
    for row in fetch_all(load_sql("consent", "words_on"), parameters):
        words.setdefault(row["lead_id"], []).append((row["occurred_at"], row["name"]))
    return {
        lead_id: [lead_id in marks and _is_profiled(marks[lead_id], words.get(lead_id, ()), at) for at in asked]
        for lead_id, asked in instants.items()
    }


def _is_profiled(mark: ConsentMark, words: Sequence[tuple[datetime, str]], at: datetime) -> bool:
    if mark.valid_since is None or mark.valid_since > at:
        return False
    said = [name for when, name in words if when <= at]
    later = [name for when, name in words if when > at]
    if mark.objected_at and mark.objected_at <= at:
        return False
    if said and later:
        return said[-1] != "withdrawn"
    if mark.profiled_since is not None:
        return mark.profiled_since <= at or bool(later and later[0] == "withdrawn")
    return bool(mark.objected_at)  # until the objection that ended it
