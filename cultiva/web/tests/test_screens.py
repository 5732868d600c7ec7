"""The staff screens: what each role sees and may do, and that nothing leaves its workspace."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cultiva.accounts.actions import create_user, grant_role
from cultiva.accounts.models import Role
from cultiva.capture.models import FormVersion
from cultiva.consent.models import ConsentMark
from cultiva.demo.filling import DEMO_FOLDER
from cultiva.demo.live import is_live
from cultiva.documents.applying import apply_folder
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.batch import Batch
from cultiva.events.models import Event, MachineEvent
from cultiva.events.verdicts import recount as recount_verdicts
from cultiva.flow import process_workspace
from cultiva.leads.actions import save_lead
from cultiva.leads.commerce import recount
from cultiva.leads.models import Lead
from cultiva.lib import clock
from cultiva.lib.database import fetch_all, workspace_scope
from cultiva.lifecycle.models import StageChange
from cultiva.sales.models import HandOver
from cultiva.scoring.actions import publish_model, score

BACKEND = "cultiva.accounts.signing_in.PasswordBackend"
SCREENS = ["/", "/home/live", "/leads", "/hand-overs", "/forms", "/forms/of/guia-riego", "/pages",
           "/pages/new", "/pages/of/guia-riego", "/pages/of/guia-riego/edit", "/settings/brand",
           "/models", "/models/readiness", "/models/readiness/health",
           "/workflows", "/workflows/bienvenida", "/mailbox", "/settings", "/segments", "/segments/new",
           "/bulk-actions", "/events", "/events/live", "/events/names", "/events/quarantine", "/events/set-aside",
           "/events/without-consent", "/settings/sources", "/settings/sources/new", "/settings/api-keys",
           "/settings/files"]  # fmt: skip
HOSTILE = {
    "first_name": "<script>alert(1)</script>",
    "last_name": '"><img src=x onerror=alert(1)>',
    "company": "{{7*7}} ${7*7}",
    "website": "javascript:alert(1)",
}


@pytest.fixture
def furnished(huerta: Any, at: datetime) -> Any:
    apply_folder(workspace_id=huerta.id, folder=DEMO_FOLDER, by="cli", at=at)
    return huerta


@pytest.fixture
def hostile(furnished: Any, at: datetime) -> Lead:
    """A lead whose every field attacks the screen that shows it."""
    lead, _ = save_lead(
        workspace_id=furnished.id, email="eva@x.example", attributes=HOSTILE, language="es", source_kind="form", at=at
    )
    path = "/<b>x</b>"
    page = NewEvent(kind="page", message_id="p", occurred_at=at, lead_id=lead.id, properties={"path": path})
    record_events(workspace_id=furnished.id, received_at=at, events=[page])
    process_workspace(workspace_id=furnished.id, at=at)
    return lead


def signed_in(workspace: Any, role: str, at: datetime) -> Client:
    user = create_user(email=f"{role}@x.example", full_name=role.title(), language="en", at=at)
    grant_role(workspace_id=workspace.id, user=user, role=role, at=at)
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def test_every_screen_needs_a_signed_in_person(client: Client, db: None) -> None:
    for path in [*SCREENS, "/leads/1", "/mailbox/1"]:
        answer = client.get(path)
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/sign-in?next=/"), path


def test_every_role_may_look(furnished: Any, at: datetime) -> None:
    for role in Role.values:
        client = signed_in(furnished, role, at)
        for path in SCREENS:
            assert client.get(path).status_code == 200, (role, path)


def test_an_empty_workspace_says_what_to_do(huerta: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    for path in ("/", "/leads", "/hand-overs", "/forms", "/models", "/workflows", "/mailbox"):
        assert 'class="empty"' in client.get(path).content.decode(), path


def test_pages_are_private_and_allow_nothing_inline(furnished: Any, at: datetime) -> None:
    answer = signed_in(furnished, Role.OWNER, at).get("/leads")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "style=" not in answer.content.decode()


def test_what_a_lead_typed_stays_text(hostile: Lead, furnished: Any, at: datetime) -> None:
    client = signed_in(furnished, Role.OWNER, at)
    for path in ("/", "/leads", f"/leads/{hostile.id}", "/leads?search=<script>"):
        text = client.get(path).content.decode()
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path
        assert "<b>x</b>" not in text, path
        assert 'href="javascript' not in text, path
    assert "{{7*7}}" in client.get(f"/leads/{hostile.id}").content.decode()


def test_a_lead_of_another_workspace_is_not_there(hostile: Lead, other_co: Any, at: datetime) -> None:
    client = signed_in(other_co, Role.OWNER, at)
    missing = client.get("/leads/999999999")
    foreign = client.get(f"/leads/{hostile.id}")
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.content == missing.content
    assert "eva@x.example" not in client.get("/leads").content.decode()
    for path in ("/forms/of/guia-riego", "/models/readiness", "/workflows/bienvenida"):
        assert client.get(path).status_code == 404


def test_an_analyst_sees_no_names(hostile: Lead, furnished: Any, at: datetime) -> None:
    save_lead(
        workspace_id=furnished.id, email="lucia@prado.example", language="es", source_kind="form", at=at,
        attributes={"first_name": "Lucía", "last_name": "Prado"},
    )  # fmt: skip
    analyst, owner = signed_in(furnished, Role.ANALYST, at), signed_in(furnished, Role.OWNER, at)
    assert "Lucía" in owner.get("/leads").content.decode()
    for path in ("/", "/leads", f"/leads/{hostile.id}", "/forms/of/guia-riego", "/mailbox"):
        text = analyst.get(path).content.decode()
        assert "Lucía" not in text, path
        assert "prado.example" not in text, path
        assert "eva@x.example" not in text, path


def test_who_only_looks_changes_nothing(furnished: Any, at: datetime) -> None:
    for role in (Role.ANALYST, Role.CLIENT, Role.PRIVACY):
        client = signed_in(furnished, role, at)
        assert client.post("/hand-overs/1/accept").status_code == 403, role
        assert client.post("/hand-overs/1/reject", {"reason": "x"}).status_code == 403, role


def test_an_unscored_lead_is_not_a_lead_with_no_points(furnished: Any, at: datetime) -> None:
    lead, _ = save_lead(
        workspace_id=furnished.id, email="solo@x.example", attributes={}, language="es", source_kind="api", at=at
    )
    process_workspace(workspace_id=furnished.id, at=at)
    text = signed_in(furnished, Role.OWNER, at).get(f"/leads/{lead.id}").content.decode()
    assert "This is not a score of 0." in text


def test_a_page_key_that_is_not_ours_is_told_so(furnished: Any, at: datetime) -> None:
    answer = signed_in(furnished, Role.OWNER, at).get("/leads?after=x")
    assert answer.status_code == 400
    assert "start again" in answer.content.decode()


def test_the_clock_moves_by_a_button(furnished: Any, at: datetime) -> None:
    client = signed_in(furnished, Role.OWNER, at)
    before = clock.now()
    client.post("/demo/advance", {"days": "3", "next": "/leads"})
    assert (clock.now() - before).days == 3
    for days in ("0", "-3", "x", "9999"):
        assert client.post("/demo/advance", {"days": days}).status_code == 404


def test_live_visitors_are_switched_by_a_button(furnished: Any, at: datetime) -> None:
    client = signed_in(furnished, Role.OWNER, at)
    for wanted in ("1", "0"):
        client.post("/demo/live", {"on": wanted, "next": "/"})
        assert is_live(furnished.id) is (wanted == "1")
        assert f'aria-pressed="{"true" if wanted == "1" else "false"}"' in client.get("/").content.decode()


def test_outside_a_demo_there_is_no_time_machine(furnished: Any, at: datetime, settings: Any) -> None:
    settings.IS_DEMO = False
    client = signed_in(furnished, Role.OWNER, at)
    assert client.post("/demo/advance", {"days": "3"}).status_code == 404
    assert "demo-bar" not in client.get("/").content.decode()


def test_a_second_person_changes_their_own_settings_alone(furnished: Any, at: datetime) -> None:
    client = signed_in(furnished, Role.ANALYST, at)
    answer = client.post(
        "/settings", {"what": "mine", "full_name": "Ada", "language": "es", "time_zone": "America/Bogota"}
    )
    assert answer.status_code == 302
    text = client.get("/settings").content.decode()
    assert "Ada" in text
    assert '<html lang="es">' in text
    weak = client.post("/settings", {"what": "password", "current": "", "new": "12345678"})
    assert weak.status_code == 422


def test_forms_of_the_workspace_are_those_published(furnished: Any, at: datetime) -> None:
    with workspace_scope(furnished.id):
        published = FormVersion.currents(furnished.id).count()
    text = signed_in(furnished, Role.OWNER, at).get("/forms").content.decode()
    assert text.count('href="/forms/of/') == published


def test_a_profile_shows_what_they_bought(furnished: Any, hostile: Lead, at: datetime) -> None:
    paid = {"order_id": "A-7", "total": 120, "currency": "EUR"}
    events = [
        NewEvent(kind="track", name=name, message_id=name, occurred_at=at, lead_id=hostile.id, properties=properties)
        for name, properties in (("Order Completed", paid), ("Order Refunded", {"order_id": "A-7", "total": 20}))
    ]
    record_events(workspace_id=furnished.id, received_at=at, events=events)
    recount(workspace_id=furnished.id, lead_ids=[hostile.id])
    page = signed_in(furnished, Role.OWNER, at).get(f"/leads/{hostile.id}").content.decode()
    assert "Purchases" in page
    assert "100.00 EUR" in page
    assert "refunded 20.00" in page


def test_an_act_of_a_machine_counts_no_more_and_the_ledger_stays(furnished: Any, hostile: Lead, at: datetime) -> None:
    client, other = signed_in(furnished, Role.MARKETING, at), signed_in(furnished, Role.CLIENT, at)
    with workspace_scope(furnished.id):
        [page] = Event.objects.filter(workspace=furnished, kind="page")
    path = f"/leads/{hostile.id}/events/{page.id}/machine"
    assert other.post(path, {"machine": "yes"}).status_code == 403
    assert client.post(f"/leads/{hostile.id}/events/{page.id + 999}/machine", {"machine": "yes"}).status_code == 404
    assert "It counts no more" in client.post(path, {"machine": "yes"}, follow=True).content.decode()
    assert actors(furnished, hostile) == {("page", "machine"), ("staff", "unknown")}
    assert "It counts again" in client.post(path, {"machine": ""}, follow=True).content.decode()
    assert actors(furnished, hostile) == {("page", "unknown"), ("staff", "unknown")}
    client.post(path, {"machine": "yes"})
    with workspace_scope(furnished.id):
        MachineEvent.objects.filter(workspace=furnished).delete()
        recount_verdicts(furnished.id)
    assert actors(furnished, hostile) == {("page", "machine"), ("staff", "unknown")}
    with workspace_scope(furnished.id):
        assert Event.objects.get(workspace=furnished, kind="page").actor == "unknown"


def actors(workspace: Any, lead: Lead) -> set[tuple[str, str]]:
    with workspace_scope(workspace.id):
        sql = "SELECT kind, actor FROM lead_event WHERE lead_id = %s AND kind IN ('page', 'staff')"
        return {(row["kind"], row["actor"]) for row in fetch_all(sql, [lead.id])}


def test_a_change_of_band_says_what_caused_it_where_it_is_shown(furnished: Any, at: datetime) -> None:
    lead, _ = save_lead(
        workspace_id=furnished.id, email="eva@x.example", attributes={"job_title": "directora"}, source_kind="form",
        at=at,
    )  # fmt: skip
    publish_model(workspace_id=furnished.id, text=WARMING, at=at)
    visit = NewEvent(kind="track", name="demo", message_id="demo", occurred_at=at, lead_id=lead.id)
    with workspace_scope(furnished.id):
        ConsentMark.objects.update_or_create(
            workspace=furnished, lead_id=lead.id, defaults={"valid_since": at, "profiled_since": at}
        )
        news = record_events(workspace_id=furnished.id, received_at=at, events=[visit])
        score(Batch(workspace_id=furnished.id, at=at, events=news, lead_ids=[lead.id]))
        change = StageChange.objects.create(
            workspace=furnished, lead_id=lead.id, ordinal=9, from_stage="lead", to_stage="sql", cycle=1, at=at, by="x"
        )
        HandOver.objects.create(
            workspace=furnished, lead_id=lead.id, stage_change_id=change.id, created_at=at, due_at=at
        )
    client = signed_in(furnished, Role.OWNER, at)
    for path in (f"/leads/{lead.id}", "/hand-overs"):
        page = client.get(path).content.decode()
        assert "a director +30" in page, path
        assert "Saw the demo +15 (demo, " in page, path


WARMING = """
model: warming
primary: true
dimensions: {all: {}}
rules:
  - {key: director, name: a director, when: {attribute: job_title, contains: director}, points: 30}
  - {key: demo, name: Saw the demo, when: {event: demo}, points: 15}
temperature: {warm: 30, hot: 60}
"""


def test_the_score_of_a_past_day_is_asked_for_by_a_date(furnished: Any, at: datetime) -> None:
    client = signed_in(furnished, Role.OWNER, at)
    lead, _ = save_lead(
        workspace_id=furnished.id, email="eva@x.example", attributes={"job_title": "gerente"}, source_kind="form",
        at=at - timedelta(days=10),
    )  # fmt: skip
    with workspace_scope(furnished.id):
        ConsentMark.objects.create(
            workspace=furnished, lead=lead, valid_since=at - timedelta(days=5), profiled_since=at - timedelta(days=5)
        )
    text = client.get(f"/leads/{lead.id}").content.decode()
    assert 'data-total="15' in text
    assert 'class="chart chart-axis"' in text
    day = (at - timedelta(days=3)).date().isoformat()
    assert f'value="{day}"' in (text := client.get(f"/leads/{lead.id}?on={day}").content.decode())
    assert 'data-total="15' in text
    day = (at - timedelta(days=8)).date().isoformat()
    assert "data-total" not in client.get(f"/leads/{lead.id}?on={day}").content.decode()
    for nonsense in ("x", "9999-12-31", "0001-01-01"):
        assert client.get(f"/leads/{lead.id}?on={nonsense}").status_code == 200
