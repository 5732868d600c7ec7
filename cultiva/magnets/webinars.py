"""Sessions of webinars: their seats, who waits for one, who came."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from charset_normalizer import from_bytes
from django.db.models import Count, Q
from django.utils.translation import gettext
from icalendar import Calendar, Event

from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.actions import BadAddress, read_address
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.refusals import Refusal
from cultiva.magnets.models import Grant, Registration, WebinarSession

SEATED, WAITING, CANCELLED = "seated", "waiting", "cancelled"
MOST_BYTES, MOST_ROWS = 5_000_000, 50_000
ADDRESS_NAMES, MINUTE_NAMES = ("mail", "correo"), ("minut", "duration", "duraci")


class SessionRefused(Refusal):
    """A seat that cannot be had, or a list that cannot be read."""


@dataclass(frozen=True)
class Attendance:
    """What a list of attendance said. `unknown`: addresses of nobody who got the webinar."""

    attended: int
    unknown: list[str]


def save_session(
    *, workspace_id: int, magnet: str, given: dict[str, Any], at: datetime, session_id: int | None = None
) -> WebinarSession:
    """`given`: starts_at, minutes, time_zone, seats, join_url, replay_url. More seats go to those who wait."""
    with workspace_scope(workspace_id):
        of = WebinarSession.objects.select_for_update().filter(workspace_id=workspace_id, magnet=magnet)
        session = of.get(id=session_id) if session_id else WebinarSession(workspace_id=workspace_id, magnet=magnet)
        for name, value in given.items():
            setattr(session, name, value)
        session.save()
        _seat_waiting(session, at)
        return session


def cancel_session(*, workspace_id: int, magnet: str, session_id: int, at: datetime) -> None:
    with workspace_scope(workspace_id):
        found = WebinarSession.objects.filter(workspace_id=workspace_id, magnet=magnet, id=session_id)
        found.filter(cancelled_at=None).update(cancelled_at=at)


def sessions_of(*, workspace_id: int, magnet: str) -> list[WebinarSession]:
    """The latest first, with `seated`, `waiting` and `attended`."""
    counted = WebinarSession.objects.filter(workspace_id=workspace_id, magnet=magnet).annotate(
        seated=Count("registrations", filter=Q(registrations__state=SEATED)),
        waiting=Count("registrations", filter=Q(registrations__state=WAITING)),
        attended=Count("registrations", filter=Q(registrations__attended_at__isnull=False)),
    )
    return list(counted.order_by("-starts_at", "-id"))


def register(*, grant: Grant, session_id: int, at: datetime) -> Registration:
    """A seat, or a place in the queue where all are taken. Again changes nothing. Raises SessionRefused.

    The session's row is held: of two who want the last seat the second sees that it is gone.
    """
    with workspace_scope(grant.workspace_id):
        session = _hold(grant, session_id)
        if session.cancelled_at or session.starts_at + timedelta(minutes=session.minutes) <= at:
            raise SessionRefused(gettext("this date is over or was called off"), gettext("choose another one"))
        known = Registration.objects.filter(workspace_id=grant.workspace_id, session=session, grant=grant).first()
        if known and known.state != CANCELLED:
            return known
        state = SEATED if _has_seat(session) else WAITING
        found, _ = Registration.objects.update_or_create(
            workspace_id=grant.workspace_id, session=session, grant=grant,
            defaults={"state": state, "changed_at": at},
        )  # fmt: skip
        _tell("webinar_registered", [found], session, at, actor="human", by="lead", state=state)
        if state == SEATED:
            _tell("webinar_seated", [found], session, at, actor="machine", by="system")
        return found


def cancel(*, grant: Grant, session_id: int, at: datetime) -> None:
    """Give the seat back: it goes to who waited longest."""
    with workspace_scope(grant.workspace_id):
        session = _hold(grant, session_id)
        known = Registration.objects.filter(workspace_id=grant.workspace_id, session=session, grant=grant)
        if known.exclude(state=CANCELLED).update(state=CANCELLED, changed_at=at):
            _tell("webinar_cancelled", list(known), session, at, actor="human", by="lead")
            _seat_waiting(session, at)


def _hold(grant: Grant, session_id: int) -> WebinarSession:
    of = WebinarSession.objects.select_for_update().filter(workspace_id=grant.workspace_id, magnet=grant.magnet)
    session = of.filter(id=session_id).first()
    if session is None:
        raise SessionRefused(gettext("there is no such date"))
    return session


def _has_seat(session: WebinarSession) -> bool:
    if session.seats is None:
        return True
    taken = Registration.objects.filter(workspace_id=session.workspace_id, session=session, state=SEATED).count()
    return taken < session.seats


def _seat_waiting(session: WebinarSession, at: datetime) -> None:
    """Seats that are free go to those who wait."""
    parameters = {"workspace": session.workspace_id, "session": session.id, "seats": session.seats, "at": at}
    moved = list(Registration.objects.raw(load_sql("magnets", "seat_waiting"), parameters))
    if moved:
        _tell("webinar_seated", moved, session, at, actor="machine", by="system")


def _tell(
    name: str, rows: Sequence[Registration], session: WebinarSession, at: datetime, *, actor: str, by: str,
    state: str = "",
) -> None:  # fmt: skip
    """`mailing` answers `webinar_seated`; its `seat` is the registration and when it got one: each is told once."""
    leads = dict(
        Grant.objects.filter(workspace_id=session.workspace_id, id__in=[row.grant_id for row in rows]).values_list(
            "id", "lead_id"
        )
    )
    events = [
        NewEvent(
            kind="track", name=name, message_id=f"{name}:{row.id}:{at.isoformat()}", occurred_at=at,
            lead_id=leads[row.grant_id], actor=actor, by=by,
            properties={"magnet": session.magnet, "session": session.id, "seat": f"{row.id}:{int(at.timestamp())}"}
            | ({"state": state} if state else {}),
        )
        for row in rows
    ]  # fmt: skip
    record_events(workspace_id=session.workspace_id, events=events, received_at=at)


def calendar_file(session: WebinarSession, title: str, about: str, stamped_at: datetime) -> bytes:
    """The session as iCalendar (RFC 5545): every calendar program takes it."""
    starts = session.starts_at.astimezone(ZoneInfo(session.time_zone))
    entry = Event()
    entry.add("uid", f"webinar-{session.workspace_id}-{session.id}@cultiva")
    entry.add("dtstamp", stamped_at)
    entry.add("dtstart", starts)
    entry.add("dtend", starts + timedelta(minutes=session.minutes))
    entry.add("summary", title)
    if about:
        entry.add("description", about)
    if session.join_url:
        entry.add("url", session.join_url)
        entry.add("location", session.join_url)
    calendar = Calendar()
    calendar.add("prodid", "-//Cultiva//Cultiva//EN")
    calendar.add("version", "2.0")
    calendar.add_component(entry)
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def read_attendance(content: bytes) -> list[tuple[str, int | None]]:
    """[(address, minutes)] of a CSV as meeting programs write it. Raises SessionRefused."""
    if len(content) > MOST_BYTES:
        raise SessionRefused(gettext("the list is larger than 5 MB"))
    best = from_bytes(content).best()
    text = (str(best) if best else content.decode("latin-1")).lstrip("\ufeff")
    lines = [row for row in csv.reader(StringIO(text), delimiter=_delimiter(text)) if any(row)]
    place = next((n for n, row in enumerate(lines[:30]) if _column(row, ADDRESS_NAMES) is not None), None)
    if place is None:
        words = gettext("no column of e-mail addresses was found")
        raise SessionRefused(words, gettext("its first line names the columns: email, minutes"))
    address, minutes = _column(lines[place], ADDRESS_NAMES), _column(lines[place], MINUTE_NAMES)
    rows = [
        (row[address].strip(), _minutes(row, minutes))
        for row in lines[place + 1 :]
        if address is not None and len(row) > address and "@" in row[address]
    ]
    if len(rows) > MOST_ROWS:
        raise SessionRefused(gettext("the list has more than %(most)s rows") % {"most": MOST_ROWS})
    return rows


def _delimiter(text: str) -> str:
    head = text[:2000]
    return max(",;\t", key=head.count)


def _column(row: Sequence[str], names: Sequence[str]) -> int | None:
    return next((n for n, cell in enumerate(row) if any(name in cell.casefold() for name in names)), None)


def _minutes(row: Sequence[str], column: int | None) -> int | None:
    text = row[column].strip().replace(",", ".") if column is not None and len(row) > column else ""
    try:
        return min(100_000, max(0, round(float(text))))
    except (ValueError, OverflowError):
        return None


def import_attendance(*, session: WebinarSession, rows: Sequence[tuple[str, int | None]], at: datetime) -> Attendance:
    """Who came, by address; of one who is listed twice the minutes add up. Events count once, however often it is
    imported."""
    came: dict[str, int | None] = {}
    for address, minutes in rows:
        try:
            key = read_address(address).key
        except BadAddress:
            key = address
        before = came.get(key)
        came[key] = minutes if before is None else before + (minutes or 0)
    with workspace_scope(session.workspace_id):
        parameters = {
            "workspace": session.workspace_id, "session": session.id, "magnet": session.magnet,
            "addresses": list(came), "minutes": list(came.values()), "at": session.starts_at,
        }  # fmt: skip
        found = fetch_all(load_sql("magnets", "note_attendance"), parameters)
        events = [
            NewEvent(
                kind="track", name="webinar_attended", message_id=f"attended:{row['id']}",
                occurred_at=min(session.starts_at, at), lead_id=row["lead_id"], actor="human",
                properties={"magnet": session.magnet, "session": session.id}
                | ({"minutes": row["minutes"]} if row["minutes"] is not None else {}),
            )
            for row in found
        ]  # fmt: skip
        record_events(workspace_id=session.workspace_id, events=events, received_at=at)
    known = {row["email_key"] for row in found}
    return Attendance(len(found), [address for address in came if address not in known])
