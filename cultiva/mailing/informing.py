"""People whose data somebody else gave us are told so within a month, or by the first mail, whose foot says it
(art. 14.3 GDPR). The mails that the product itself sends, to confirm an address and the like, do not count."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cultiva.consent.jurisdictions import add_months
from cultiva.lib.database import fetch_all, load_sql

OF_THEIR_OWN = ["form", "event"]  # how people come who give their data themselves


@dataclass(frozen=True)
class Informing:
    """`told_at` is None until they were told; `by_mail`: by our first mail, else by staff."""

    source_kind: str
    came_at: datetime
    told_at: datetime | None
    by_mail: bool

    @property
    def due_on(self) -> date:
        return add_months(self.came_at.date(), 1)


@dataclass(frozen=True)
class Late:
    """How many should have been told by now, and the ids of those who wait longest."""

    count: int
    lead_ids: list[int]


def informings_of(*, workspace_id: int, lead_ids: Sequence[int]) -> dict[int, Informing]:
    """{lead: ..} of those who did not come of their own."""
    parameters = {"workspace": workspace_id, "leads": list(lead_ids), "own": OF_THEIR_OWN}
    return {row["id"]: _informing(row) for row in fetch_all(load_sql("mailing", "told_of_source"), parameters)}


def _informing(row: dict[str, Any]) -> Informing:
    mailed_at, informed_at = row["mailed_at"], row["informed_at"]
    told_at = min((each for each in (mailed_at, informed_at) if each), default=None)
    return Informing(row["source_kind"], row["created_at"], told_at, told_at is not None and told_at == mailed_at)


def late_to_be_told(*, workspace_id: int, at: datetime, limit: int = 10) -> Late:
    parameters = {"workspace": workspace_id, "at": at, "own": OF_THEIR_OWN, "limit": limit}
    rows = fetch_all(load_sql("mailing", "late_to_be_told"), parameters)
    return Late(rows[0]["late"] if rows else 0, [row["id"] for row in rows])
