"""Segments over the API."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.api.tests.conftest import Program
from cultiva.consent.models import ConsentMark
from cultiva.leads.models import Lead
from cultiva.leads.tests import people
from cultiva.lib import clock

SPANISH = {"attribute": "country", "is": "ES"}


@pytest.fixture
def leads(huerta: Any, at: datetime) -> list[Lead]:
    people.known_attributes(huerta, at, country="text")
    known = [("ana", "ES"), ("luis", "ES"), ("joao", "PT")]
    made = [people.lead(huerta, at, f"{name}@a.example", attributes={"country": code}) for name, code in known]
    ConsentMark.objects.bulk_create(
        ConsentMark(workspace=huerta, lead=lead, valid_since=at) for lead in (made[0], made[2])
    )
    return made


def test_a_segment_is_made_once_a_key_and_says_itself_in_words(program: Program, leads: list[Lead]) -> None:
    body = {"name": "En España", "criteria": SPANISH, "folder": "Países", "tags": ["sur"]}
    status, made = program.ask("POST", "/segments", body, Accept_Language="es")
    assert status == 201
    assert (made["key"], made["member_count"], made["is_being_built"]) == ("en-espana", 1, False)
    assert "ES" in made["words"]
    status, changed = program.ask("POST", "/segments", body | {"key": "en-espana", "takes_only_valid": False})
    assert (status, changed["id"], changed["member_count"]) == (200, made["id"], 2)
    assert program.get("/segments?folder=Pa%C3%ADses&limit=1")["data"] == [program.get(f"/segments/{made['id']}")]
    assert program.get("/segments?tag=norte")["data"] == []


def test_segments_come_in_pages(program: Program) -> None:
    for name in ("A", "B", "C"):
        program.ask("POST", "/segments", {"name": name, "kind": "fixed"})
    first = program.get("/segments?limit=2")
    second = program.get(f"/segments?limit=2&cursor={first['next_cursor']}")
    assert [each["name"] for page in (first, second) for each in page["data"]] == ["A", "B", "C"]
    assert second["next_cursor"] is None


def test_members_come_in_pages_and_are_moved_by_hand(program: Program, leads: list[Lead], at: datetime) -> None:
    _, made = program.ask("POST", "/segments", {"name": "Feria", "kind": "fixed"})
    path = f"/segments/{made['id']}/members"
    body = {"lead_ids": [leads[0].id, 2**40], "emails": ["LUIS@a.example", "nobody@a.example", "none"]}
    status, moved = program.ask("POST", path, body)
    assert (status, moved["moved"], moved["unknown"]) == (200, 2, ["nobody@a.example", "none"])
    first = program.get(f"{path}?limit=1")
    second = program.get(f"{path}?limit=1&cursor={first['next_cursor']}")
    assert [row["email"] for row in first["data"] + second["data"]] == ["luis@a.example", "ana@a.example"]
    assert first["data"][0]["is_pinned"] is True
    tomorrow, before = clock.now() + timedelta(days=1), at
    assert [row["lead_id"] for row in program.get(f"{path}?on={tomorrow:%Y-%m-%d}")["data"]] == [
        leads[1].id,
        leads[0].id,
    ]
    assert program.get(f"{path}?on={before:%Y-%m-%d}")["data"] == []
    assert program.ask("POST", f"{path}/remove", {"lead_ids": [leads[0].id]})[1]["moved"] == 1
    assert [row["lead_id"] for row in program.get(path)["data"]] == [leads[1].id]


def test_criteria_are_counted_before_a_segment_is_made_of_them(program: Program, leads: list[Lead]) -> None:
    status, counted = program.ask("POST", "/segments/count", {"criteria": SPANISH})
    assert (status, counted["count"], counted["not_valid"], counted["lead_ids"]) == (200, 1, 1, [leads[0].id])
    _, all_of_them = program.ask("POST", "/segments/count", {"criteria": SPANISH, "takes_only_valid": False})
    assert (all_of_them["count"], all_of_them["not_valid"]) == (2, 0)


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"name": "x", "criteria": {"atribute": "a"}}, "invalid_criteria", "atribute"),
        ({"name": "x", "criteria": {"segment": "nadie"}}, "invalid_criteria", "no segment `nadie`"),
        ({"name": "x"}, "invalid_criteria", "a condition is needed"),
        ({"name": "x", "key": "Ñ", "kind": "fixed"}, "invalid", "key"),
        ({"name": "…", "kind": "fixed"}, "", ""),
    ],
)
def test_what_cannot_be_used_is_told(program: Program, body: Any, code: str, said: str) -> None:
    status, answer = program.ask("POST", "/segments", body)
    if not code:
        assert (status, answer["key"]) == (201, "segment")
        return
    assert (status, answer["error"]["code"]) == (422, code)
    assert said in answer["error"]["message"]


def test_what_is_used_stays(program: Program, leads: list[Lead]) -> None:
    _, spanish = program.ask("POST", "/segments", {"name": "Es", "criteria": SPANISH})
    _, other = program.ask("POST", "/segments", {"name": "Sur", "criteria": {"segment": "es"}})
    status, answer = program.ask("POST", f"/segments/{spanish['id']}/delete")
    assert (status, answer["error"]["code"]) == (409, "segment_in_use")
    assert "sur" in answer["error"]["message"]
    circle = {"name": "Es", "key": "es", "criteria": {"segment": "sur"}}
    assert "circle" in program.ask("POST", "/segments", circle)[1]["error"]["message"]
    assert program.ask("POST", f"/segments/{other['id']}/delete")[0] == 200
    assert program.ask("POST", f"/segments/{spanish['id']}/delete")[0] == 200
    assert program.ask("GET", f"/segments/{spanish['id']}")[0] == 404


def test_other_workspaces_and_lesser_keys_see_nothing(
    program: Program, programs: Callable[..., Program], other_co: Any, leads: list[Lead]
) -> None:
    _, made = program.ask("POST", "/segments", {"name": "Es", "criteria": SPANISH})
    stranger = programs(other_co)
    assert stranger.get("/segments")["data"] == []
    assert stranger.ask("GET", f"/segments/{made['id']}/members")[0] == 404
    assert stranger.ask("POST", "/segments", {"name": "x", "criteria": {"segment": "es"}})[0] == 422
    assert programs(made and program.key.workspace, scopes=["segments:read"]).ask(
        "POST", "/segments", {"name": "x", "kind": "fixed"}
    )[0] == 403  # fmt: skip
