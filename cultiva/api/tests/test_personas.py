"""Personas over the API."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from cultiva.api.tests.conftest import Program
from cultiva.consent.models import ConsentMark
from cultiva.leads.tests import people

SPANISH = {"attribute": "country", "is": "ES"}
BODY = {"name": "De aquí", "criteria": [{"when": SPANISH, "weight": 2}], "tone_hints": {"es": "De tú"}}


@pytest.fixture(autouse=True)
def ana(huerta: Any, at: datetime) -> None:
    people.known_attributes(huerta, at, country="text")
    made = people.lead(huerta, at, "ana@a.example", attributes={"country": "ES"})
    ConsentMark.objects.create(workspace=huerta, lead=made, valid_since=at, profiled_since=at)


def test_a_persona_is_made_once_a_key_and_says_itself_in_words(program: Program) -> None:
    status, made = program.ask("POST", "/personas", BODY, Accept_Language="es")
    assert (status, made["key"], made["lead_count"], made["revision"]) == (201, "de-aqui", 1, 1)
    assert "ES" in made["criteria"][0]["words"]
    status, changed = program.ask("POST", "/personas", BODY | {"key": "de-aqui", "is_draft": True})
    assert (status, changed["is_draft"], changed["lead_count"]) == (200, True, 0)
    assert [each["key"] for each in program.get("/personas")["data"]] == ["de-aqui"]
    assert program.get("/personas/de-aqui")["tone_hints"] == {"es": "De tú"}


def test_what_is_used_stays_and_what_is_not_goes(program: Program) -> None:
    program.ask("POST", "/personas", BODY)
    criteria = {"persona": "de-aqui", "gte": 0.6}
    _, segment = program.ask("POST", "/segments", {"name": "Cerca", "criteria": criteria})
    assert segment["member_count"] == 1
    status, answer = program.ask("POST", "/personas/de-aqui/delete")
    assert (status, answer["error"]["code"]) == (409, "persona_in_use")
    program.ask("POST", f"/segments/{segment['id']}/delete")
    assert program.ask("POST", "/personas/de-aqui/delete")[0] == 200
    assert program.ask("GET", "/personas/de-aqui")[0] == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"criteria": []}, "invalid"),
        ({"criteria": [{"when": {"attribute": "countri", "is": "ES"}, "weight": 1}]}, "invalid_criteria"),
        ({"criteria": [{"when": SPANISH, "weight": 0}]}, "invalid"),
        ({"nombre": "x"}, "unknown_field"),
    ],
)
def test_what_cannot_be_used_is_told(program: Program, change: Any, code: str) -> None:
    status, answer = program.ask("POST", "/personas", BODY | change)
    assert status == 422 or code == "unknown_field"
    assert answer["error"]["code"] == code
    assert program.get("/personas")["data"] == []


def test_other_workspaces_and_lesser_keys_see_nothing(
    program: Program, programs: Callable[..., Program], huerta: Any, other_co: Any
) -> None:
    program.ask("POST", "/personas", BODY)
    assert programs(other_co).get("/personas")["data"] == []
    assert programs(other_co).ask("GET", "/personas/de-aqui")[0] == 404
    assert programs(huerta, scopes=["segments:read"]).ask("POST", "/personas", BODY)[0] == 403
