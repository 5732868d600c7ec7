"""What is shown of segments: how many are in them, since when, who was in them on a day, and how they grew."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cultiva.lib.database import fetch_all, load_sql
from cultiva.segments.models import Pin, Segment

LAST_DAY = date.max - timedelta(days=1)


@dataclass(frozen=True)
class Shown:
    """A segment with its figures; `growth` are its members at the end of each of the last days, oldest first."""

    segment: Segment
    members: int
    growth: list[tuple[date, int]]


@dataclass(frozen=True)
class Page:
    """Members {lead_id, email, attributes, created_at, since, is_pinned}, newest leads first, and where to go on."""

    rows: list[dict[str, Any]]
    next_after: int | None


def list_segments(*, workspace_id: int, folder: str = "", tag: str = "", search: str = "") -> list[Segment]:
    """By folder and name."""
    found = Segment.objects.filter(workspace_id=workspace_id)
    if folder:
        found = found.filter(folder=folder)
    if tag:
        found = found.filter(tags__contains=[tag])
    if search:
        found = found.filter(name__icontains=search)
    return list(found.order_by("folder", "name", "id"))


def segment_names(workspace_id: int) -> dict[str, str]:
    """{key: name}"""
    return dict(Segment.objects.filter(workspace_id=workspace_id).values_list("key", "name"))


def with_figures(segments: Sequence[Segment], *, at: datetime, time_zone: str, days: int = 30) -> list[Shown]:
    """The segments of one workspace, in their order, with what they hold."""
    if not segments:
        return []
    today = at.astimezone(ZoneInfo(time_zone)).date()
    begin = today - timedelta(days=days - 1)
    parameters = {
        "workspace": segments[0].workspace_id, "segments": [each.id for each in segments], "before": begin,
    }  # fmt: skip
    moved: dict[tuple[int, date | None], int] = {
        (row["segment_id"], row["day"]): int(row["more"])
        for row in fetch_all(load_sql("segments", "moves_by_day"), parameters)
    }
    shown = []
    for segment in segments:
        members, growth = moved.get((segment.id, None), 0), []
        for number in range(days):
            day = begin + timedelta(days=number)
            members += moved.get((segment.id, day), 0)
            growth.append((day, members))
        later = sum(more for (id, day), more in moved.items() if id == segment.id and day and day > today)
        shown.append(Shown(segment, members + later, growth))
    return shown


def members_of(*, segment: Segment, after: int | None = None, limit: int = 50) -> Page:
    """Who is in it now; `after` is the `next_after` of the page before."""
    parameters = {
        "workspace": segment.workspace_id, "segment": segment.id, "after": after or 2**62, "limit": limit + 1,
    }  # fmt: skip
    return _page(fetch_all(load_sql("segments", "members"), parameters), limit)


def members_on(
    *, segment: Segment, day: date, time_zone: str, after: int | None = None, limit: int = 50
) -> tuple[Page, int]:
    """Who was in it at the end of a local day, and how many; whoever was merged since is the one they are now."""
    parameters = {
        "workspace": segment.workspace_id, "segment": segment.id, "end": end_of_day(day, time_zone),
        "after": after or 2**62, "limit": limit + 1,
    }  # fmt: skip
    count = fetch_all(load_sql("segments", "count_members_on"), parameters)[0]["n"]
    return _page(fetch_all(load_sql("segments", "members_on"), parameters), limit), count


def end_of_day(day: date, time_zone: str) -> datetime:
    """The instant at which a local day is over. Behind the last day a calendar knows there is none: it has the end of
    the one before."""
    return datetime.combine(min(day, LAST_DAY) + timedelta(days=1), time(), ZoneInfo(time_zone))


def _page(rows: list[dict[str, Any]], limit: int) -> Page:
    return Page(rows[:limit], rows[limit - 1]["lead_id"] if len(rows) > limit else None)


def segments_of(*, workspace_id: int, lead_id: int) -> list[dict[str, Any]]:
    """{id, key, name, since} of the segments a lead is in now, by name."""
    return fetch_all(load_sql("segments", "segments_of_lead"), {"workspace": workspace_id, "lead": lead_id})


def kept_out(segment: Segment, limit: int = 200) -> list[Pin]:
    """Whom a person keeps out, newest first; the lead is loaded."""
    pins = Pin.objects.filter(workspace_id=segment.workspace_id, segment=segment, is_included=False)
    return list(pins.filter(lead__merged_into=None).select_related("lead").order_by("-at", "-id")[:limit])
