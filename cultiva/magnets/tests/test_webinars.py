"""Webinars: the last seat, who waits for one, the calendar file, who came."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from icalendar import Calendar

from cultiva.events.models import Event
from cultiva.lib.database import workspace_scope
from cultiva.magnets.actions import act_on, take_download
from cultiva.magnets.kinds import CannotAct, Page
from cultiva.magnets.models import Registration, WebinarSession
from cultiva.magnets.tests.cast import grant, lead, publish, token
from cultiva.magnets.webinars import (
    SessionRefused,
    calendar_file,
    cancel,
    import_attendance,
    read_attendance,
    register,
    save_session,
)

STARTS = datetime(2026, 3, 20, 17, 0, tzinfo=UTC)


def session(workspace: Any, at: datetime, seats: int | None = 1, **more: Any) -> WebinarSession:
    given = {"starts_at": STARTS, "minutes": 60, "time_zone": "Europe/Madrid", "seats": seats, **more}
    return save_session(workspace_id=workspace.id, magnet="webinar", given=given, at=at)


def guests(workspace: Any, at: datetime, count: int) -> list[Any]:
    publish(workspace, "webinar", at)
    return [grant(lead(workspace, at, f"{n}@example.com"), "webinar", at) for n in range(count)]


def states(of: WebinarSession) -> list[str]:
    return list(Registration.objects.filter(session=of).order_by("id").values_list("state", flat=True))


def test_who_comes_when_all_seats_are_taken_waits_and_gets_the_one_that_is_given_back(
    huerta: Any, at: datetime
) -> None:
    first, second, third = guests(huerta, at, 3)
    date = session(huerta, at)
    for minute, guest in enumerate((first, second, third, first)):
        register(grant=guest, session_id=date.id, at=at + timedelta(minutes=minute))
    assert states(date) == ["seated", "waiting", "waiting"]
    cancel(grant=first, session_id=date.id, at=at + timedelta(hours=1))
    assert states(date) == ["cancelled", "seated", "waiting"]
    register(grant=first, session_id=date.id, at=at + timedelta(hours=2))
    save_session(
        workspace_id=huerta.id, magnet="webinar", session_id=date.id, given={"seats": 2}, at=at + timedelta(hours=3)
    )
    assert states(date) == ["waiting", "seated", "seated"]


def test_of_many_who_want_the_last_seat_at_once_one_gets_it(company: Any, at: datetime) -> None:
    with workspace_scope(company.id):
        wanting = guests(company, at, 12)
        date = session(company, at)

    def want(guest: Any) -> str:
        try:
            return register(grant=guest, session_id=date.id, at=at).state
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(want, wanting))
    assert sorted(found) == ["seated", *["waiting"] * 11]


def test_the_buttons_of_the_page_take_and_give_back_a_seat(huerta: Any, at: datetime) -> None:
    (guest,) = guests(huerta, at, 1)
    date = session(huerta, at, seats=None, join_url="https://meet.example/1")
    link, chosen = token(guest, at), {"session": str(date.id)}

    def shown() -> Any:
        page = take_download(token=link, at=at, actor="human")
        assert isinstance(page, Page)
        return page.values["dates"][0]

    assert (shown()["state"], shown()["join"]) == ("", "")
    act_on(token=link, act="register", fields=chosen, at=at)
    assert (shown()["state"], shown()["join"]) == ("seated", "https://meet.example/1")
    act_on(token=link, act="cancel", fields=chosen, at=at)
    assert shown()["state"] == ""
    with pytest.raises(CannotAct):
        act_on(token=token(guest, STARTS), act="register", fields=chosen, at=STARTS + timedelta(hours=1))


def test_a_session_of_another_magnet_is_none(huerta: Any, at: datetime) -> None:
    (guest,) = guests(huerta, at, 1)
    other = save_session(
        workspace_id=huerta.id, magnet="other", at=at,
        given={"starts_at": STARTS, "minutes": 60, "time_zone": "Europe/Madrid", "seats": 1},
    )  # fmt: skip
    with pytest.raises(SessionRefused):
        register(grant=guest, session_id=other.id, at=at)


def test_the_calendar_file_says_when_and_where_in_its_own_time_zone(huerta: Any, at: datetime) -> None:
    text = calendar_file(session(huerta, at, join_url="https://meet.example/1"), "Riego, hoy", "Dos casos", at)
    (entry,) = Calendar.from_ical(text).walk("VEVENT")
    assert entry.decoded("dtstart") == STARTS
    assert (entry.decoded("dtend") - entry.decoded("dtstart"), str(entry["summary"])) == (
        timedelta(hours=1), "Riego, hoy",
    )  # fmt: skip
    assert "Europe/Madrid" in text.decode()


def test_a_list_of_attendance_makes_events_once_and_names_who_is_unknown(huerta: Any, at: datetime) -> None:
    first, second, _third = guests(huerta, at, 3)
    date = session(huerta, at, seats=None)
    register(grant=first, session_id=date.id, at=at)
    rows = ["A;0@Example.com;20", "A;0@example.com;15,4", "B;1@example.com;", "C;no@example.com;9", ""]
    text = "\n".join(["Report", "", "Name;Correo electrónico;Duración (minutos)", *rows])
    for _again in range(2):
        found = import_attendance(
            session=date, rows=read_attendance(text.encode("cp1252")), at=STARTS + timedelta(days=1)
        )
    assert (found.attended, found.unknown) == (2, ["no@example.com"])
    came = Event.objects.filter(workspace_id=huerta.id, name="webinar_attended").order_by("id")
    assert [(event.lead_id, event.properties.get("minutes")) for event in came] == [
        (first.lead_id, 35), (second.lead_id, None),
    ]  # fmt: skip
    with pytest.raises(SessionRefused):
        read_attendance(b"name,minutes\nAna,3\n")
