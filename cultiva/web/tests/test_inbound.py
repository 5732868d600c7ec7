"""Screens of connectors: made, mapped on the last sample with its result, quarantine tried again."""

import json
from datetime import datetime
from typing import Any

import pytest

from cultiva.accounts.models import Role
from cultiva.capture.connectors.receiving import address_of, take_delivery
from cultiva.capture.connectors.taking import take_waiting
from cultiva.capture.models import Inbound, InboundFact
from cultiva.leads.models import Lead
from cultiva.web.tests.test_screens import signed_in


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    monkeypatch.setattr("cultiva.lib.clock.now", lambda: at)


def test_a_marketer_connects_a_program_and_says_what_its_fields_mean(huerta: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.MARKETING, at)
    assert 'class="empty"' in client.get("/connectors").content.decode()
    assert client.post("/connectors/new", {"name": "Anuncios", "kind": "meta"}).status_code == 422  # Meta has a secret
    client.post("/connectors/new", {"name": "Tienda", "kind": "webhook", "secret": "s3cret"})
    hook = Inbound.objects.get(workspace=huerta)
    here = f"/connectors/{hook.id}"
    page = client.get(here).content.decode()
    assert address_of(hook) in page
    assert "s3cret" in page
    raw = json.dumps({"correo": "eva@example.com", "nombre": "Eva"}).encode()
    take_delivery(inbound=hook, headers={"X-Webhook-Secret": "s3cret"}, raw=raw, at=at, real_now=at)
    take_waiting(workspace_id=huerta.id, at=at)
    page = client.get(here).content.decode()
    assert "eva@example.com" in page
    chosen = {
        "name-0": "correo", "target-0": "email", "name-1": "nombre", "target-1": "attribute:first_name",
    }  # fmt: skip
    result = client.post(f"{here}/preview", chosen).content.decode()
    assert result.count("<dd") == 2
    assert client.post(f"{here}/mapping", chosen | {"target-0": "fame"}).status_code == 422
    client.post(f"{here}/mapping", chosen)
    take_waiting(workspace_id=huerta.id, at=at)
    assert Lead.objects.get().attributes["first_name"] == "Eva"
    assert "eva@example.com" not in signed_in(huerta, Role.ANALYST, at).get(here).content.decode()


def test_what_nobody_wants_is_thrown_away_and_forgotten(huerta: Any, at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    client.post("/connectors/new", {"name": "Tienda", "kind": "webhook", "secret": "s3cret"})
    hook = Inbound.objects.get(workspace=huerta)
    take_delivery(inbound=hook, headers={"X-Webhook-Secret": "s3cret"}, raw=b'{"a": 1}', at=at, real_now=at)
    take_waiting(workspace_id=huerta.id, at=at)
    fact = InboundFact.objects.get()
    assert fact.state == "quarantined"
    client.post(f"/connectors/{hook.id}/quarantine", {"fact": fact.id, "what": "discard"})
    fact.refresh_from_db()
    assert (fact.state, fact.payload) == ("discarded", "")
    client.post(f"/connectors/{hook.id}/stop")
    assert Inbound.objects.get().stopped_at is not None
