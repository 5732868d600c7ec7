"""Whether a lead was valid and could be profiled at past instants."""

from collections.abc import Sequence
from datetime import datetime

from cultiva.consent.models import ConsentMark
from cultiva.consent.notices import PROFILING
from cultiva.lib.database import fetch_all, load_sql


def profiled_as_of(*, workspace_id: int, lead_id: int, instants: Sequence[datetime]) -> list[bool]:
    """Of each instant, whether the lead was valid by then, with a basis for profiling and no objection.

    From the last word on profiling on the mark alone counts; before it, the words told to the ledger do.
    """
    mark = ConsentMark.objects.filter(workspace_id=workspace_id, lead_id=lead_id).first()
    if mark is None:
        return [False for _ in instants]
    parameters = {"workspace": workspace_id, "lead": lead_id, "purpose": PROFILING}
    words = [(row["occurred_at"], row["name"]) for row in fetch_all(load_sql("consent", "words_on"), parameters)]
    return [_is_profiled(mark, words, instant) for instant in instants]


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
