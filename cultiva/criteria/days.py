"""Local days: reading their dates, and the instants between which they last."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from cultiva.lib.documents import DocumentError

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def read_date(value: Any, place: str) -> date:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise DocumentError(place, gettext("the calendar has no %(value)s") % {"value": value}) from error
    raise DocumentError(
        place, gettext("a date is needed, not %(value)r") % {"value": value}, gettext("year, month and day: 2026-03-10")
    )


def read_dates(value: Any, place: str) -> tuple[date, date]:
    """[first, last], first not after last."""
    if not isinstance(value, list) or len(value) != 2:
        raise DocumentError(
            place,
            gettext("two dates [first, last] are needed, not %(value)r") % {"value": value},
            "[2026-01-01, 2026-03-31]",
        )
    first, last = (read_date(each, f"{place}[{n}]") for n, each in enumerate(value))
    if first > last:
        raise DocumentError(
            place,
            gettext("%(first)s is after %(last)s") % {"first": first, "last": last},
            gettext("write the earlier date first"),
        )
    return first, last


def spans_of_days(first: date, last: date, zone_name: str) -> list[tuple[datetime | None, datetime | None]]:
    """The instants (from, before) whose local day is one of these; None where the calendar of instants ends.

    It is one span but where a clock that was put back crosses midnight (St. John's until 2011: at 0:01), so that
    a day begins, is left again, and begins once more.
    """
    zone = ZoneInfo(zone_name)
    starts: list[datetime | None] = [*_turns(first, zone)] if first > date.min + DAY else [None]
    ends: list[datetime | None] = [*_turns(last + DAY, zone)] if last < date.max - DAY else [None]
    return _paired(starts, ends)


def _turns(day: date, zone: ZoneInfo) -> list[datetime]:
    """The instants at which the local day changes to `day`, from it, and to it again: one, or three."""
    midnight = datetime.combine(day, time())
    early, late = (midnight.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early == late:
        return [early]
    # Between the two, the clock was changed: at the first second that has the later offset.
    low, high = min(early, late) - DAY, max(early, late) + DAY
    later_offset = high.astimezone(zone).utcoffset()
    while high - low > SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle in (low, high):
            break
        low, high = (low, middle) if middle.astimezone(zone).utcoffset() == later_offset else (middle, high)
    changed = high
    if early > late:  # the clock was put forward over midnight, which did not exist
        return [changed]
    if changed.astimezone(zone).date() < day:  # put back into the day before
        return [early, changed, late]
    return [early]


def _paired(
    starts: list[datetime | None], ends: list[datetime | None]
) -> list[tuple[datetime | None, datetime | None]]:
    """Into the days and out of them: what enters at an odd turn leaves at the next."""
    turns = [*starts, *ends]
    return [(turns[n], turns[n + 1]) for n in range(0, len(turns), 2)]
