"""What screens show of attributes, companies and identities beside the rows themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cultiva.leads.models import Misfit
from cultiva.lib.database import fetch_all, load_sql

SAMPLE = 20_000  # leads counted; beyond it the use of an attribute is what the newest ones tell


@dataclass(frozen=True)
class Use:
    """How many leads or companies have each key; `is_exact`: all were counted."""

    counts: Mapping[str, int]
    misfits: Mapping[str, int]
    is_exact: bool
    factor: float

    def of(self, key: str) -> int:
        return round(self.counts.get(key, 0) * self.factor)


def use_of_attributes(*, workspace_id: int, subject: str) -> Use:
    rows = fetch_all(load_sql("leads", f"use_of_{subject}_keys"), {"workspace": workspace_id, "most": SAMPLE})
    counted = rows[0]["counted"] if rows else 0
    factor = 1.0
    if counted >= SAMPLE:
        sql = f"SELECT count(*) AS n FROM {subject} WHERE workspace_id = %s"  # noqa: S608  lead or company
        factor = fetch_all(sql, [workspace_id])[0]["n"] / counted
    misfits = fetch_all(
        "SELECT key, count(*) AS n FROM attribute_misfit WHERE workspace_id = %s AND subject = %s GROUP BY key",
        [workspace_id, subject],
    )
    return Use(
        {row["key"]: row["n"] for row in rows if row["key"] is not None},
        {row["key"]: row["n"] for row in misfits},
        is_exact=factor == 1.0,
        factor=factor,
    )


def misfits_of(*, workspace_id: int, subject: str, subject_id: int) -> list[Misfit]:
    found = Misfit.objects.filter(workspace_id=workspace_id, subject=subject, subject_id=subject_id)
    return list(found.order_by("key"))


def identity_of(*, workspace_id: int, lead_id: int) -> dict[str, list[dict[str, Any]]]:
    """{visitors: [{visitor, linked_at, user_id, is_by_event}], conflicts: [{reason, seen_at, other_lead}]}"""
    parameters = {"workspace": workspace_id, "lead": lead_id}
    return {
        "visitors": fetch_all(load_sql("leads", "visitors_of_lead"), parameters),
        "conflicts": fetch_all(load_sql("leads", "conflicts_of_lead"), parameters),
    }
