"""The documents that criteria name, for files that are applied in the order of their references."""

from typing import Any

from cultiva.criteria.checking import check
from cultiva.criteria.language import parse, placed_conditions
from cultiva.documents.kinds import Need

# {kind of condition: kind of document it names}
DOCUMENTS = {
    "score": "model",
    "consent": "purpose",
    "magnet": "magnet",
    "segment": "segment",
    "persona": "persona",
    "workflow": "workflow",
}


def needs_of(criteria: Any, place: str) -> list[Need]:
    """Raises DocumentError for criteria that cannot be read."""
    return [
        Need(DOCUMENTS[reference.kind], reference.key, f"{where}.{reference.place}")
        for where, condition in placed_conditions(parse(criteria, place=place), place)
        for reference in condition.refers()
        if reference.kind in DOCUMENTS
    ]


def likely_slips(criteria: Any, place: str, workspace_id: int) -> list[str]:
    """Names that nobody has seen yet and that resemble one that is known: a note where a new name is no error."""
    found = check(parse(criteria, place=place), workspace_id=workspace_id, place=place)
    return [f"{each.place}: {each.problem}: {each.hint}" for each in found if each.is_slip]
