"""Which persona a lead was, and whose a persona was: now, on a day, and all along. The ledger keeps every change."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cultiva.lib.database import fetch_all, load_sql
from cultiva.segments.lists import end_of_day


@dataclass(frozen=True)
class Change:
    """`persona` and `before` are keys, None for none. `is_by_definition`: the personas changed and not the lead."""

    at: datetime
    persona: str | None
    before: str | None
    closeness: float | None
    confidence: float | None
    is_by_definition: bool


def changes_of(*, workspace_id: int, lead_id: int, limit: int = 20) -> list[Change]:
    """The changes of a lead's main persona, newest first."""
    parameters = {"workspace": workspace_id, "lead": lead_id, "limit": limit}
    return [Change(**row) for row in fetch_all(load_sql("segments", "persona_changes"), parameters)]


def leads_of_persona_on(
    *, workspace_id: int, persona: str, day: date, time_zone: str, limit: int = 50
) -> tuple[list[dict[str, Any]], int]:
    """Whose main persona it was at the end of a local day, newest leads first, with since when; and how many."""
    end = end_of_day(day, time_zone)
    parameters = {"workspace": workspace_id, "persona": persona, "end": end, "limit": limit}
    rows = fetch_all(load_sql("segments", "leads_of_persona_on"), parameters)
    return rows, rows[0]["of"] if rows else 0
