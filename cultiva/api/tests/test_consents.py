"""Consents by the API: told with their proof, withdrawn at once, read with their evidence."""

import io
from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.api import examples
from cultiva.api.tests.conftest import Program
from cultiva.consent import check_proof
from cultiva.consent.models import Confirmation, Evidence, PurposeVersion
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead

HOUR = timedelta(hours=1)


@pytest.fixture
def luz(furnished: Any, at: datetime) -> Lead:
    lead, _ = save_lead(
        workspace_id=furnished.id, email="luz@huertos.example", attributes={}, language="es", source_kind="api", at=at
    )
    return lead


def tick(at: datetime, **more: Any) -> dict[str, Any]:
    version = PurposeVersion.objects.get(key="marketing")
    text = version.body["languages"]["es"]["label"]
    return examples.CONSENT_IN | {"text": text, "time": (at - HOUR).isoformat()} | more


def standing(body: Any, purpose: str = "marketing") -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in body["purposes"] if each["purpose"] == purpose)
    return found


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch, at: datetime) -> datetime:
    monkeypatch.setattr("cultiva.lib.clock.now", lambda: at)
    return at


def test_a_tick_is_recorded_with_its_proof_and_waits_for_the_confirmation(
    program: Program, luz: Lead, now: datetime
) -> None:
    policy = {"purpose": "", "policy": "privacidad", "text": "He leído y acepto la política de protección de datos"}
    assert program.ask("POST", f"/leads/{luz.id}/consents", tick(now, **policy))[0] == 201
    status, body = program.ask("POST", f"/leads/{luz.id}/consents", tick(now))
    assert (status, standing(body)["state"], standing(body)["reason"]) == (201, "given", "unconfirmed")
    act = body["acts"][-1]
    assert act["payload"] == act["payload"] | {
        "action": "api", "checkbox_id": "newsletter", "page_url": "https://riega.example/guia", "ip": "203.0.113.9",
        "purpose_version": 1, "language": "es", "given_at": "2026-03-10T11:00:00+00:00", "checkbox_default": False,
    }  # fmt: skip
    assert Confirmation.objects.filter(lead_id=luz.id).exists()


@pytest.mark.parametrize("field", ["text", "version", "box", "time", "page", "ip"])
def test_a_tick_without_a_part_of_its_proof_is_refused_and_the_part_named(
    program: Program, luz: Lead, now: datetime, field: str
) -> None:
    body = tick(now)
    del body[field]
    status, answer = program.ask("POST", f"/leads/{luz.id}/consents", body)
    assert (status, answer["error"]["field"]) == (422, field)
    assert f"`{field}` is missing" in answer["error"]["message"]
    assert not Evidence.objects.filter(lead_id=luz.id).exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"text": "Sí a todo"}, "text"),
        ({"version": 9}, "version"),
        ({"purpose": "nothing"}, "purpose"),
        ({"purpose": ""}, "purpose"),
        ({"time": "2026-03-10T13:00:00Z"}, "time"),
        ({"ip": "999.1.1.1"}, "ip"),
        ({"time": "yesterday"}, "time"),
    ],
)
def test_a_tick_that_proves_nothing_is_refused(
    program: Program, luz: Lead, now: datetime, change: dict[str, Any], field: str
) -> None:
    status, answer = program.ask("POST", f"/leads/{luz.id}/consents", tick(now, **change))
    assert (status, answer["error"]["field"]) == (422, field)
    assert not Evidence.objects.filter(lead_id=luz.id).exists()


def test_a_tick_told_late_never_undoes_a_withdrawal(program: Program, luz: Lead, now: datetime) -> None:
    status, body = program.ask("POST", f"/leads/{luz.id}/withdrawals", {"purpose": "marketing"})
    assert (status, standing(body)["reason"]) == (200, "objected")
    status, answer = program.ask("POST", f"/leads/{luz.id}/consents", tick(now))
    assert (status, answer["error"]["field"]) == (422, "time")
    assert standing(program.get(f"/leads/{luz.id}/consents"))["state"] == "withdrawn"


def test_reading_and_recording_consents_take_their_own_scopes(
    programs: Any, furnished: Any, luz: Lead, now: datetime
) -> None:
    reader = programs(furnished, scopes=["consents:read"])
    writer = programs(furnished, scopes=["leads:write", "leads:read"])
    assert reader.ask("GET", f"/leads/{luz.id}/consents")[0] == 200
    assert reader.ask("POST", f"/leads/{luz.id}/consents", tick(now))[0] == 403
    assert writer.ask("POST", f"/leads/{luz.id}/consents", tick(now))[0] == 403
    assert writer.ask("GET", f"/leads/{luz.id}/consents")[0] == 403


def test_another_workspace_cannot_reach_them(
    programs: Any, other_co: Any, furnished: Any, luz: Lead, now: datetime
) -> None:
    stranger = programs(other_co)
    for path in ("consents", "consents/proof", "consents/receipt", "consents/receipt.pdf"):
        assert stranger.ask("GET", f"/leads/{luz.id}/{path}")[0] == 404
    assert stranger.ask("POST", f"/leads/{luz.id}/consents", tick(now))[0] == 404


def test_the_proof_and_the_receipt_are_given_to_programs(program: Program, luz: Lead, now: datetime) -> None:
    body = program.ask("POST", f"/leads/{luz.id}/consents", tick(now))[1]
    answer = program.take(f"/leads/{luz.id}/consents/proof")
    content = b"".join(answer.streaming_content)
    facts, problems = check_proof.check(io.BytesIO(content))
    assert (facts["lead"], problems) == (luz.id, [])
    receipt = program.get(f"/leads/{luz.id}/consents/receipt")["receipt"]
    assert receipt["@type"] == "dpv:ConsentReceipt"
    record = body["acts"][-1]["id"]
    for form, name in (("dpv", "proof"), ("kantara", "services"), ("json", "acts")):
        assert program.get(f"/consents/{record}?format={form}")["receipt"][name]
    assert program.ask("GET", f"/consents/{record + 99}")[0] == 404
