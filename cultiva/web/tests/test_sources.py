"""Settings → Sources: connecting a site or a server, its keys, and the proof that something comes."""

from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from cultiva.accounts.models import AuditEntry, Role
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.models import EventSource, WriteKey
from cultiva.events.source_changes import BadOrigin, read_origins
from cultiva.events.sources import create_source, find_source
from cultiva.flow import process_workspace
from cultiva.lib.database import workspace_scope
from cultiva.web.tests.test_screens import signed_in

SETTINGS = {
    "name": "Web", "allowed_origins": "", "consent_category": "analytics", "requests_per_second": "1000",
}  # fmt: skip


@pytest.fixture
def owner(huerta: Any, at: datetime) -> Client:
    return signed_in(huerta, Role.OWNER, at)


@pytest.fixture
def source(huerta: Any, at: datetime) -> EventSource:
    return create_source(workspace_id=huerta.id, key="web", name="Web", at=at)[0]


def said(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def audited(huerta: Any) -> list[str]:
    with workspace_scope(huerta.id):
        return list(AuditEntry.objects.filter(workspace_id=huerta.id).order_by("id").values_list("action", flat=True))


ERP = {"name": "ERP", "kind": "server", "key": "erp"}


def test_a_new_site_leads_to_its_snippet_with_the_key_in_it(owner: Client, huerta: Any) -> None:
    answer = owner.post("/settings/sources/new", {"name": "La tienda", "kind": "site", "key": ""})
    text = said(owner, answer.headers["Location"])
    key = WriteKey.objects.get(source__key="la-tienda").shown
    assert key.startswith("pk_")
    assert f"data-key=&quot;{key}&quot;" in text
    assert "t.js" in text
    assert "Waiting for the first event" in text
    assert "source.created" in audited(huerta)


def test_a_secret_key_is_shown_once_and_filled_into_the_snippets(owner: Client, huerta: Any) -> None:
    text = owner.post("/settings/sources/new", ERP | {"basis": "contract"}).content.decode()
    source = EventSource.objects.get(key="erp")
    key = text.split('id="secret"')[1].split(">")[1].split("<")[0]
    assert find_source(key) is not None
    assert text.count(key) >= 6  # the key itself and each library's snippet
    for path in (f"/settings/sources/{source.id}", f"/settings/sources/{source.id}/connect", "/settings/sources"):
        assert key not in said(owner, path), path


def test_keys_are_made_and_revoked_and_the_log_says_who(owner: Client, source: EventSource, huerta: Any) -> None:
    owner.post(f"/settings/sources/{source.id}/keys", {"kind": "publishable"})
    newest = WriteKey.objects.filter(source=source).order_by("-id")[0]
    assert find_source(newest.shown) is not None
    owner.post(f"/settings/sources/{source.id}/keys/{newest.id}/revoke")
    assert find_source(newest.shown) is None
    assert owner.post(f"/settings/sources/{source.id}/keys/{newest.id}/revoke").status_code == 404
    assert owner.post(f"/settings/sources/{source.id}/keys", {"kind": "master"}).status_code == 404
    assert audited(huerta)[-2:] == ["write_key.created", "write_key.revoked"]


def test_settings_are_kept_and_what_changed_is_logged(owner: Client, source: EventSource, huerta: Any) -> None:
    wanted = SETTINGS | {"allowed_origins": "https://Huerta.example/\nhttp://localhost:8080", "makes_leads": "on"}
    assert owner.post(f"/settings/sources/{source.id}", wanted).status_code == 302
    source.refresh_from_db()
    assert source.allowed_origins == ["https://huerta.example", "http://localhost:8080"]
    assert source.makes_leads
    with workspace_scope(huerta.id):
        entry = AuditEntry.objects.filter(workspace_id=huerta.id, action="source.changed").get()
    assert set(entry.detail) == {"allowed_origins", "makes_leads"}
    owner.post(f"/settings/sources/{source.id}", wanted)  # nothing new: nothing to log
    assert audited(huerta).count("source.changed") == 1


@pytest.mark.parametrize("origin", ["huerta.example", "https://huerta.example/a", "ftp://x", "https://", "*"])
def test_what_is_no_origin_is_named(owner: Client, source: EventSource, origin: str) -> None:
    answer = owner.post(f"/settings/sources/{source.id}", SETTINGS | {"allowed_origins": origin})
    assert answer.status_code == 422
    assert "is not like https://www.example.com" in answer.content.decode()
    with pytest.raises(BadOrigin):
        read_origins(origin)


def test_a_short_name_is_taken_once(owner: Client, source: EventSource) -> None:
    answer = owner.post("/settings/sources/new", {"name": "Other", "kind": "site", "key": "web"})
    assert answer.status_code == 422
    assert "Another source has this short name." in answer.content.decode()
    assert owner.post("/settings/sources/new", {"name": "¡!", "kind": "site", "key": ""}).status_code == 422


def test_a_stopped_source_is_refused_until_it_is_taken_from_again(owner: Client, source: EventSource) -> None:
    key = WriteKey.objects.get(source=source).shown
    owner.post(f"/settings/sources/{source.id}/stop")
    assert find_source(key) is None
    owner.post(f"/settings/sources/{source.id}/stop", {"resume": "1"})
    assert find_source(key) is not None


def test_the_first_event_is_told_with_its_name(owner: Client, source: EventSource, huerta: Any, at: datetime) -> None:
    waiting = said(owner, f"/settings/sources/{source.id}/received")
    assert 'hx-trigger="every 2s"' in waiting
    event = NewEvent(kind="track", name="Quote Requested", message_id="1", occurred_at=at, source_id=source.id)
    record_events(workspace_id=huerta.id, events=[event], received_at=at)
    process_workspace(workspace_id=huerta.id, at=at)
    received = said(owner, f"/settings/sources/{source.id}/received")
    assert "Quote Requested" in received
    assert "hx-trigger" not in received
    assert "Nothing yet" not in said(owner, "/settings/sources")


@pytest.mark.parametrize("role", [Role.SALES, Role.ANALYST, Role.CLIENT, Role.PRIVACY])
def test_who_only_looks_changes_no_source(huerta: Any, source: EventSource, at: datetime, role: str) -> None:
    client = signed_in(huerta, role, at)
    key = WriteKey.objects.get(source=source)
    for path in ("new", f"{source.id}", f"{source.id}/keys", f"{source.id}/keys/{key.id}/revoke", f"{source.id}/stop"):
        assert client.post(f"/settings/sources/{path}", SETTINGS).status_code == 403, path
    text = said(client, f"/settings/sources/{source.id}")
    assert "<textarea" not in text
    assert "/revoke" not in text


def test_another_workspace_has_no_such_source(other_co: Any, source: EventSource, at: datetime) -> None:
    client = signed_in(other_co, Role.OWNER, at)
    for path in ("", "/connect", "/received"):
        assert client.get(f"/settings/sources/{source.id}{path}").status_code == 404, path
    assert client.post(f"/settings/sources/{source.id}/stop").status_code == 404
    assert "Web" not in said(client, "/settings/sources")


def test_a_server_declares_why_it_may_tell_of_people(owner: Any, huerta: Any) -> None:
    refused = owner.post("/settings/sources/new", ERP)
    assert refused.status_code == 422
    assert "Say why it may" in refused.content.decode()
    weighed = ERP | {"basis": "legitimate_interest"}
    assert "Name the assessment" in owner.post("/settings/sources/new", weighed).content.decode()
    owner.post("/settings/sources/new", weighed | {"basis_note": "LIA 7"})
    source = EventSource.objects.get(workspace=huerta, key="erp")
    assert (source.basis, source.basis_note) == ("legitimate_interest", "LIA 7")
    EventSource.objects.filter(id=source.id).update(basis="", basis_note="")
    assert "It is not declared why" in owner.get(f"/settings/sources/{source.id}").content.decode()
