"""At which instants a rehearsal asks its models, and for how long it waits for the conversion."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from cultiva.lib.refusals import Refusal

DATES_LIMIT = 260  # five years of weeks
HORIZON_LIMIT = 730  # days
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Plan:
    """`dates`: instants in UTC, ascending, a week of the calendar apart; `horizon` follows each of them."""

    dates: tuple[datetime, ...]
    horizon: timedelta
    timezone: str
    goal: str

    @property
    def until(self) -> datetime:
        """Nothing later is read."""
        return self.dates[-1] + self.horizon

    @property
    def weeks(self) -> int:
        """Between the first date and the last, at least one."""
        return max(1, len(self.dates) - 1)


def make_plan(*, first: date, last: date, timezone: str, horizon_days: int, goal: str) -> Plan:
    """Local midnights from `first` to `last`, both included. Raises Refusal."""
    if last < first:
        raise Refusal(
            gettext("the period from %(first)s to %(last)s holds no date") % {"first": first, "last": last},
            gettext("its first day comes before its last"),
        )
    if not 1 <= horizon_days <= HORIZON_LIMIT:
        raise Refusal(
            gettext("a horizon of %(days)s days is not possible") % {"days": horizon_days},
            gettext("from 1 to %(limit)s days") % {"limit": HORIZON_LIMIT},
        )
    if not goal:
        raise Refusal(
            gettext("no event is named that counts as the conversion"), gettext("give the model a `goal`, or --goal")
        )
    days = [first + WEEK * n for n in range((last - first) // WEEK + 1)]
    if len(days) > DATES_LIMIT:
        raise Refusal(
            gettext("the period holds %(count)s weekly dates") % {"count": len(days)},
            gettext("at most %(limit)s are possible") % {"limit": DATES_LIMIT},
        )
    zone = ZoneInfo(timezone)
    # Where there is no midnight, this is the first instant after it.
    dates = tuple(datetime.combine(day, time(), zone).astimezone(UTC) for day in days)
    return Plan(dates, timedelta(days=horizon_days), timezone, goal)


def check_capacity(capacity: float | None) -> None:
    """Raises Refusal."""
    if capacity is not None and not 0 < capacity < float("inf"):
        raise Refusal(
            gettext("a capacity of %(number)s hand-overs a week is not possible") % {"number": capacity},
            gettext("give a number above 0"),
        )
