"""The events screen: what comes in, and what could not be taken."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cultiva.accounts.models import Role
from cultiva.events.actions import NewEvent, record_events, visitor_of
from cultiva.events.models import Event, EventQuarantine, EventSource, EventUncovered
from cultiva.events.sources import create_source
from cultiva.flow import process_workspace
from cultiva.lib import clock
from cultiva.lib.database import execute
from cultiva.web.tests.test_screens import signed_in

SCREENS = ["/events", "/events/live", "/events/names", "/events/quarantine", "/events/set-aside",
           "/events/without-consent"]  # fmt: skip
EVIL = '<img src=x onerror=alert(1)> & "co"'


@pytest.fixture
def source(huerta: Any, at: datetime) -> EventSource:
    return create_source(workspace_id=huerta.id, key="web", name="Web", at=at)[0]


@pytest.fixture
def came(huerta: Any, source: EventSource, at: datetime) -> EventSource:
    """A source from which two visits, one by a machine, and an event with a hostile name came."""
    visitor = visitor_of(workspace_id=huerta.id, source_id=source.id, anonymous_id="a")
    events = [
        NewEvent(
            kind=kind, name=name, message_id=str(n), occurred_at=at, source_id=source.id, visitor=visitor, actor=actor,
            properties={"path": "/precios", "value": 7, "who": "ana@x.example"},
        )
        for n, (kind, name, actor) in enumerate(
            [("page", "", "unknown"), ("page", "", "machine"), ("track", EVIL, "unknown")]
        )
    ]  # fmt: skip
    record_events(workspace_id=huerta.id, events=events, received_at=at)
    process_workspace(workspace_id=huerta.id, at=at)
    return source


def quarantined(huerta: Any, source: EventSource, at: datetime, message: dict[str, Any], n: int = 1) -> int:
    arrival = {"sent_at": None, "ip": "", "user_agent": "", "is_secret": False}
    return EventQuarantine.objects.create(
        workspace_id=huerta.id, source_id=source.id, received_at=at, code="no_id", message="`userId` is needed.",
        payload=json.dumps(message), payload_hash=bytes([n]) * 16, arrival=arrival,
    ).id  # fmt: skip


def said(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_an_empty_workspace_is_told_how_to_begin(huerta: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    for path in ("/events", "/events/names"):
        assert 'href="/settings/sources"' in said(client, path), path
    for path in SCREENS:
        assert 'class="empty"' in said(client, path), path


def test_the_stream_shows_what_came_with_its_source_and_marks_machines(huerta: Any, came: Any, at: datetime) -> None:
    text = said(signed_in(huerta, Role.OWNER, at), "/events")
    assert 'hx-trigger="every 2s"' in text
    assert "/precios" in text
    assert text.count("machine, does not count") == 1
    assert "ana@x.example" in text
    assert EVIL not in text


def test_the_stream_is_filtered_and_stands_still_when_asked(huerta: Any, came: EventSource, at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    assert said(client, f"/events/live?source={came.id}&name=page").count("<details") == 2
    assert said(client, "/events/live?source=0").count("<details") == 0
    assert "No event is like that" in said(client, "/events/live?name=none")
    assert "every 2s" not in said(client, "/events?paused=1")
    assert client.get("/events?source=x&name=%00").status_code == 200


def test_a_name_has_its_count_its_days_and_its_properties(huerta: Any, came: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    assert "/events/name?name=page" in said(client, "/events/names")
    text = said(client, "/events/name?name=page&kind=page")
    for part in ('<code class="text-break">path</code>', "number", "/precios", "<svg"):
        assert part in text, part
    assert client.get("/events/name", {"name": EVIL, "kind": "track"}).status_code == 200
    assert client.get("/events/name?name=nothing").status_code == 404
    assert "/events/name?name=page" not in said(client, "/events/names?search=zzz")


def test_roles_without_personal_data_see_no_payload(huerta: Any, came: EventSource, at: datetime) -> None:
    quarantined(huerta, came, at, {"traits": {"email": "eva@x.example"}})
    client = signed_in(huerta, Role.ANALYST, at)
    for path in [*SCREENS, "/events/name?name=page&kind=page"]:
        text = said(client, path)
        assert "ana@x.example" not in text, path
        assert "eva@x.example" not in text, path
    assert "Retry" not in said(client, "/events/quarantine")
    for path in ("/events/quarantine/mend", "/events/set-aside/mend"):
        assert client.post(path, {"do": "retry"}).status_code == 403, path


def test_quarantine_says_why_and_what_passes_now_is_stored(huerta: Any, source: EventSource, at: datetime) -> None:
    good = {"type": "track", "event": "Bought", "userId": "7", "timestamp": at.isoformat()}
    mended = quarantined(huerta, source, at, good, 1)
    quarantined(huerta, source, at, {"type": "track", "event": "Lost"}, 2)
    client = signed_in(huerta, Role.MARKETING, at)
    text = said(client, "/events/quarantine")
    assert text.count("It does not say who acted") == 2
    assert "&quot;event&quot;: &quot;Bought&quot;" in text
    client.post("/events/quarantine/mend", {"id": mended, "do": "retry"})
    assert Event.objects.filter(workspace_id=huerta.id, name="Bought").count() == 1
    answer = client.post("/events/quarantine/mend", {"do": "retry"}, follow=True)
    assert "Still faulty: 1." in answer.content.decode()
    client.post("/events/quarantine/mend", {"do": "discard", "source": source.id})
    assert "Nothing in quarantine" in said(client, "/events/quarantine")


def test_what_no_page_can_print_is_shown_as_it_is_kept(huerta: Any, source: EventSource, at: datetime) -> None:
    broken = quarantined(huerta, source, at, {"half": 1}, 1)
    deep = quarantined(huerta, source, at, {"deep": 1}, 2)
    EventQuarantine.objects.filter(id=broken).update(payload='{"half": "\\ud800"}')
    EventQuarantine.objects.filter(id=deep).update(payload="[" * 100_000)
    assert "\\ud800" in said(signed_in(huerta, Role.MARKETING, at), "/events/quarantine")


def test_all_of_one_source_leaves_the_others(huerta: Any, source: EventSource, at: datetime) -> None:
    other = create_source(workspace_id=huerta.id, key="app", name="App", at=at)[0]
    quarantined(huerta, source, at, {}, 1)
    kept = quarantined(huerta, other, at, {}, 2)
    client = signed_in(huerta, Role.OWNER, at)
    client.post("/events/quarantine/mend", {"do": "discard", "source": source.id})
    assert list(EventQuarantine.objects.values_list("id", flat=True)) == [kept]
    assert client.post("/events/quarantine/mend", {"do": "discard", "id": "x"}).status_code == 302
    assert EventQuarantine.objects.count() == 1


def test_work_that_was_set_aside_can_be_done_again(huerta: Any, came: EventSource, at: datetime) -> None:
    event = Event.objects.filter(workspace_id=huerta.id).order_by("id")[0]
    execute(
        "INSERT INTO flow_failure (workspace_id, stage, subject_id, event_ids, received_ats, step, error, tries,"
        " failed_at, set_aside_at)"
        " VALUES (%s, 'arrivals', %s, %s, %s, 'leads.resolve', 'KeyError in leads', 3, %s, %s)",
        [huerta.id, event.id, [event.id], [event.received_at], datetime.now(UTC), datetime.now(UTC)],
    )
    client = signed_in(huerta, Role.OWNER, at)
    text = said(client, "/events/set-aside")
    assert "leads.resolve" in text
    assert "KeyError in leads" in text
    answer = client.post("/events/set-aside/mend", {"do": "retry"}, follow=True)
    assert "went through every step" in answer.content.decode()
    assert "Nothing is set aside" in said(client, "/events/set-aside")


def test_what_came_without_consent_is_a_number(huerta: Any, source: EventSource, at: datetime) -> None:
    today = clock.now().date()
    for n in range(3):
        EventUncovered.objects.create(
            workspace_id=huerta.id,
            source_id=source.id,
            day=today - timedelta(days=n),
            kind="page",
            name="",
            count=40,
        )
    text = said(signed_in(huerta, Role.ANALYST, at), "/events/without-consent")
    assert "120" in text
    assert "Web" in text


def test_another_workspace_sees_none_of_it(huerta: Any, came: EventSource, other_co: Any, at: datetime) -> None:
    quarantined(huerta, came, at, {"event": "Secret"})
    client = signed_in(other_co, Role.OWNER, at)
    for path in SCREENS:
        assert "precios" not in said(client, path), path
        assert "Secret" not in said(client, path), path
    assert client.get("/events/name?name=page").status_code == 404
    client.post("/events/quarantine/mend", {"do": "discard"})
    assert EventQuarantine.objects.filter(workspace_id=huerta.id).count() == 1
