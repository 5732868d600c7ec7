"""Where the law differs, as data: one file a jurisdiction, in this folder.

A profile says at which age people consent for themselves, on which channels an address must be proven, on which a
customer may be written to without a box ticked (soft opt-in), when a consent expires, which exclusion registers must be
asked, at which hours nobody may be disturbed, how soon a request must be answered, and what a notice must say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from cultiva.lib.documents import DocumentError, read_document

Json = dict[str, Any]

FOLDER = Path(__file__).parent
DEFAULT = "EU"  # until a workspace chooses


@dataclass(frozen=True)
class Register:
    """An advertising exclusion register. It is asked by an import not older than `fresh_days`."""

    key: str
    label: str
    channels: tuple[str, ...]
    fresh_days: int


@dataclass(frozen=True)
class Span:
    """How long the law gives."""

    months: int = 0
    business_days: int = 0


@dataclass(frozen=True)
class Jurisdiction:
    """`hours`: {weekday (Monday 0): (from, to)} on `hour_channels`; a day without an entry has none.

    `notice`: {language: {first_layer | second_layer: {part: words, of which one must occur}}}.
    """

    code: str
    label: Mapping[str, str]
    laws: Mapping[str, str]
    authority: Mapping[str, str]
    consent_age: int
    double_opt_in: frozenset[str]
    soft_opt_in: frozenset[str]
    legitimate_interest: frozenset[str]
    expires_after_months: Mapping[str, int]
    renew_days_before: int
    registers: Sequence[Register]
    rights: Mapping[str, Span]
    notice: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]]
    hour_channels: frozenset[str]
    hours: Mapping[int, tuple[time, time]]
    holidays: frozenset[date]

    def registers_for(self, channel: str) -> list[Register]:
        return [each for each in self.registers if channel in each.channels]

    def is_minor(self, born_on: date, on: date) -> bool:
        return on < birthday(born_on, self.consent_age)

    def opens_at(self, channel: str, at: datetime, zone: str) -> datetime | None:
        """None: people may be disturbed now. Else the first instant at which they may."""
        if channel not in self.hour_channels:
            return None
        local = at.astimezone(ZoneInfo(zone))
        for ahead in range(15):  # no holidays are as long
            day = local.date() + timedelta(days=ahead)
            hours = None if day in self.holidays else self.hours.get(day.weekday())
            if hours is None:
                continue
            opens, closes = (datetime.combine(day, each, tzinfo=local.tzinfo) for each in hours)
            if at < opens:
                return opens
            if at < closes:
                return None
        raise ValueError(f"{self.code} has no hours in the fortnight after {at.isoformat()}")

    def due_on(self, span: str, received_on: date) -> date:
        """The last day to answer: the same day of a later month, or its last one; or business days."""
        wanted = self.rights[span]
        if wanted.months:
            return add_months(received_on, wanted.months)
        day, left = received_on, wanted.business_days
        while left:
            day += timedelta(days=1)
            left -= day.weekday() < 5 and day not in self.holidays
        return day


@cache
def jurisdictions() -> Mapping[str, Jurisdiction]:
    """{code: profile}, by code."""
    found = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        profile = read_jurisdiction(path.read_text(encoding="utf-8"))
        found[profile.code] = profile
    return found


def find_jurisdiction(code: Any, *, place: str = "jurisdiction") -> Jurisdiction:
    """Raises DocumentError for one that there is not."""
    known = jurisdictions()
    if not isinstance(code, str) or code not in known:
        raise DocumentError(
            place,
            gettext("there is no profile for %(value)r") % {"value": code},
            gettext("known: %(listed)s") % {"listed": ", ".join(known)},
        )
    return known[code]


def read_jurisdiction(text: str) -> Jurisdiction:
    found = read_document(text, name="jurisdiction")
    hours = found.get("hours") or {"channels": [], "weekdays": {}}
    notice = found["notice"]
    if isinstance(notice, str):
        notice = read_document((FOLDER / f"{notice.lower()}.yaml").read_text(encoding="utf-8"))["notice"]
    return Jurisdiction(
        code=found["jurisdiction"],
        label=found["label"],
        laws=found["laws"],
        authority=found["authority"],
        consent_age=found["consent_age"],
        double_opt_in=frozenset(found["double_opt_in"]),
        soft_opt_in=frozenset(found["soft_opt_in"]),
        legitimate_interest=frozenset(found["legitimate_interest"]),
        expires_after_months=found["expires_after_months"],
        renew_days_before=found["renew_days_before"],
        registers=[Register(**{**each, "channels": tuple(each["channels"])}) for each in found["registers"]],
        rights={name: Span(**span) for name, span in found["rights"].items()},
        notice=notice,
        hour_channels=frozenset(hours["channels"]),
        hours={
            int(day): (time.fromisoformat(opens), time.fromisoformat(closes))
            for day, (opens, closes) in hours["weekdays"].items()
        },
        holidays=frozenset(date.fromisoformat(each) for each in found.get("holidays", ())),
    )


def birthday(born_on: date, age: int) -> date:
    """When somebody reaches an age; who was born on 29 February does so on 1 March of other years."""
    try:
        return born_on.replace(year=born_on.year + age)
    except ValueError:
        return date(born_on.year + age, 3, 1)


def add_months(day: date, months: int) -> date:
    """The same day of another month; its last day where the month has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return min(date(year, month + 1, 1) + timedelta(days=day.day - 1), following - timedelta(days=1))


def months_before(at: datetime, months: int) -> datetime:
    return datetime.combine(add_months(at.date(), -months), at.timetz())
