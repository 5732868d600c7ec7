"""How many leads are valid, wait for a confirmation, or withdrew: by where they came from, week by week."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cultiva.lib.database import fetch_all, load_sql

WEEKS_SHOWN = 16


@dataclass(frozen=True)
class ConsentReport:
    """by_source: [{source_kind, leads, valid, given, pending, withdrawn}], most leads first; by_week: [{week, valid,
    given, withdrawn}] oldest first, weeks of the workspace's time zone that begin on Monday."""

    by_source: list[dict[str, Any]]
    by_week: list[dict[str, Any]]


def consent_report(*, workspace_id: int, time_zone: str, at: datetime, source: str = "") -> ConsentReport:
    """`source`: only the weeks of leads of that source kind."""
    parameters = {"workspace": workspace_id, "at": at, "zone": time_zone, "weeks": WEEKS_SHOWN, "source": source}
    return ConsentReport(
        fetch_all(load_sql("insights", "consents_by_source"), parameters),
        fetch_all(load_sql("insights", "consents_by_week"), parameters),
    )
