"""The first screen: who is ready now, what came in, how the funnel looks."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cultiva.lib.database import fetch_all, load_sql


@dataclass(frozen=True)
class Headline:
    """A number of the last seven days beside that of the seven before."""

    now: int
    before: int

    @property
    def change_percent(self) -> int | None:
        """None where nothing can be compared."""
        return round(100 * (self.now - self.before) / self.before) if self.before else None


@dataclass(frozen=True)
class HomeReport:
    """headlines: {new_leads, valid_leads, qualified, customers}; by_day: [{day, leads}] oldest first, days of the
    workspace's time zone; newest: the latest leads with stage and temperature."""

    headlines: dict[str, Headline]
    by_day: list[dict[str, Any]]
    newest: list[dict[str, Any]]
    temperatures: dict[str, int]


WEEK = timedelta(days=7)
DAYS_SHOWN = 30


def home_report(*, workspace_id: int, time_zone: str, at: datetime) -> HomeReport:
    parameters = {"workspace": workspace_id, "at": at, "zone": time_zone, "days": DAYS_SHOWN}
    week = fetch_all(
        load_sql("insights", "headlines"), parameters | {"week_ago": at - WEEK, "two_weeks_ago": at - 2 * WEEK}
    )[0]
    temperatures = fetch_all(load_sql("insights", "temperatures"), parameters)
    return HomeReport(
        headlines={
            name: Headline(week[f"{name}_now"], week[f"{name}_before"])
            for name in ("new_leads", "valid_leads", "qualified", "customers")
        },
        by_day=fetch_all(load_sql("insights", "leads_by_day"), parameters),
        newest=fetch_all(load_sql("insights", "newest_leads"), parameters),
        temperatures={row["temperature"] or "none": row["leads"] for row in temperatures},
    )
