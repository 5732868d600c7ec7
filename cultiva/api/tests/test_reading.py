"""What programs read: leads, their events, why they score what they score."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.api.tests.conftest import Program
from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead, LeadAlias
from cultiva.scoring.models import ModelVersion

SINCE = "received_since=2026-03-01T00:00:00Z"


def test_a_key_says_whose_it_is(huerta: Any, programs: Callable[..., Program]) -> None:
    found = programs(huerta, name="Zapier", scopes=["leads:read"]).get("/")
    assert (found["workspace"]["slug"], found["key"], found["scopes"]) == ("huerta", "Zapier", ["leads:read"])


def test_a_lead_is_shown_with_its_marks(program: Program, ana: Lead) -> None:
    found = program.get(f"/leads/{ana.id}")
    assert (found["email"], found["phone"], found["external_id"]) == ("ana@huertos.example", "+34600111222", "crm-1")
    assert found["company"] == {"id": ana.company_id, "name": "Huertos SL", "domain": "huertos.example"}
    assert found["attributes"]["last_name"] == "Peña"
    consent = found["consent"]
    assert (consent["is_valid"], consent["is_confirmed"]) == (True, False)
    assert {(each["channel"], each["state"]) for each in consent["purposes"]} >= {("email", "given")}
    assert [each["value"] for each in found["misfits"]] == ["many"]
    assert found["visitor_count"] == 2  # a browser, and the user crm-1
    assert found["score"] is not None
    assert found["created_at"] == "2026-03-10T12:00:00+00:00"
    assert program.get("/leads")["data"] == [found]


# Queries, and whether they find Ana; None: perhaps.
NARROWED = [
    ("search=pena", True), ("search=nobody", False), ("email=ANA@huertos.example", True),
    ("email=b@x.example", False),
    ("external_id=crm-1", True), ("external_id=crm-2", False), ("stage=lead", None), ("stage=nix", False),
    ("temperature=none", False), ("created_since=2026-03-10T13:00:00%2B01:00", True),
    ("created_since=2026-03-10T12:00:01Z", False), ("seen_since=2026-03-10T12:00:00Z", True),
    ("seen_since=2026-03-10T12:00:01Z", False), ("company_id=999", False), ("sort=score&limit=1", True),
]  # fmt: skip


def test_a_list_is_narrowed(program: Program, ana: Lead) -> None:
    for query, is_found in NARROWED:
        found = [each["id"] for each in program.get(f"/leads?{query}")["data"]]
        assert found in ([[ana.id], []] if is_found is None else [[ana.id] if is_found else []]), query


@pytest.mark.parametrize("sort", ["newest", "score", "seen"])
def test_pages_of_leads_follow_one_another(program: Program, huerta: Any, at: datetime, sort: str) -> None:
    for n in range(7):
        save_lead(
            workspace_id=huerta.id, email=f"{n}@x.example", attributes={}, language="es", source_kind="form",
            at=at + timedelta(minutes=n // 2),
        )  # fmt: skip
    whole = [each["id"] for each in program.get(f"/leads?sort={sort}")["data"]]
    pages, cursor = [], ""
    while True:
        page = program.get(f"/leads?limit=3&sort={sort}{cursor}")
        pages.append([each["id"] for each in page["data"]])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [each for page in pages for each in page] == whole


def test_events_of_a_lead_come_newest_first_page_by_page(program: Program, ana: Lead) -> None:
    whole = program.get(f"/leads/{ana.id}/events")["data"]
    assert [each["occurred_at"] for each in whole] == sorted((each["occurred_at"] for each in whole), reverse=True)
    assert {"page", "identify", "consent"} <= {each["kind"] for each in whole}
    pages: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = program.get(f"/leads/{ana.id}/events?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        pages += page["data"]
        cursor = page["next_cursor"]
    assert pages == whole
    visits = program.get(f"/leads/{ana.id}/events?name=page")["data"]
    assert [each["properties"]["n"] for each in visits] == [0, 1, 2, 3, 4]
    assert len(program.get(f"/leads/{ana.id}/events?kind=consent")["data"]) > 0


def test_the_latest_events_of_a_workspace(program: Program, ana: Lead, huerta: Any, at: datetime) -> None:
    whole = program.get(f"/events?{SINCE}")["data"]
    assert [each["id"] for each in whole] == sorted((each["id"] for each in whole), reverse=True)
    first = program.get(f"/events?limit=3&{SINCE}")
    then = program.get(f"/events?limit=1000&{SINCE}&cursor={first['next_cursor']}")
    assert first["data"] + then["data"] == whole
    (source,) = program.get("/sources")["data"]
    assert len(program.get(f"/events?source_id={source['id']}&{SINCE}")["data"]) == 5
    assert program.get("/events?received_since=2026-03-10T12:00:01Z")["data"] == []
    assert "pk_" not in str(program.get("/sources"))


def test_a_number_too_long_for_json_readers_comes_as_text(program: Program, huerta: Any, at: datetime) -> None:
    odd = {"n": [10**30, {"m": -(2**70)}]}
    event = NewEvent(kind="track", name="odd", message_id="1", occurred_at=at, properties=odd)
    record_events(workspace_id=huerta.id, received_at=at, events=[event])
    (found,) = program.get(f"/events?name=odd&{SINCE}")["data"]
    assert found["properties"] == {"n": [str(10**30), {"m": str(-(2**70))}]}


def test_the_id_of_a_merged_lead_leads_to_the_one_kept(program: Program, ana: Lead, huerta: Any, at: datetime) -> None:
    merged, _ = save_lead(
        workspace_id=huerta.id, email="old@x.example", attributes={}, language="es", source_kind="form", at=at
    )
    LeadAlias.objects.create(workspace_id=huerta.id, merged=merged, lead=ana)
    for path in ("", "/events", "/score?at=2026-03-10T12:00:00Z"):
        assert program.get(f"/leads/{merged.id}{path}") == program.get(f"/leads/{ana.id}{path}")
    assert program.get(f"/leads/{ana.id}")["merged_ids"] == [merged.id]


def test_a_score_is_explained_to_the_tenth(program: Program, ana: Lead) -> None:
    found = program.get(f"/leads/{ana.id}/score?language=en&at=2026-03-10T12:00:00Z")
    parts = [each["points"] for each in found["rules"] + found["cuts"]]
    assert round(sum(parts), 6) == found["total"]
    assert round(sum(each["points"] for each in found["dimensions"]), 6) == pytest.approx(found["total"], abs=100)
    told = next(rule for rule in found["rules"] if rule["event_count"] and rule["side"] == "retrospective")
    assert told["events"][0]["what"]
    assert found["total"] == pytest.approx(program.get(f"/leads/{ana.id}")["score"], abs=0.05)
    assert len(found["rules"]) == len(ModelVersion.currents(ana.workspace_id).first().body["rules"])  # type: ignore[union-attr]


def test_a_score_is_explained_in_the_callers_language(program: Program, ana: Lead) -> None:
    words = {
        language: [rule["words"] for rule in program.get(f"/leads/{ana.id}/score?language={language}")["rules"]]
        for language in ("es", "en")
    }
    assert words["es"] != words["en"]
    path = f"/leads/{ana.id}/score"
    for accepted, language in (("es-MX,en;q=0.5", "es"), ("de, en;q=0.3", "en"), ("", "en"), ("xx;q=z,,;", "en")):
        found = program.get(path, Accept_Language=accepted)
        assert found["language"] == language, accepted
        assert [rule["words"] for rule in found["rules"]] == words[language]
        assert program.get(path, Accept_Language=accepted, Cookie="django_language=es")["language"] == language


def test_a_score_of_the_past_is_that_of_then(program: Program, ana: Lead) -> None:
    now = program.get(f"/leads/{ana.id}/score?at=2026-03-10T12:00:00Z")
    before = program.get(f"/leads/{ana.id}/score?at=2026-03-01T12:00:00Z")
    assert before["at"] == "2026-03-01T12:00:00+00:00"
    assert sum(rule["event_count"] for rule in before["rules"]) < sum(rule["event_count"] for rule in now["rules"])
    status, body = program.ask("GET", f"/leads/{ana.id}/score?at=2100-01-01T00:00:00Z")
    assert (status, body["error"]["field"]) == (422, "at")
    status, body = program.ask("GET", f"/leads/{ana.id}/score?model=nix")
    assert (status, body["error"]["field"]) == (422, "model")
    assert "readiness" in body["error"]["message"]


def test_a_score_comes_with_what_changes_it_and_what_would_raise_it(program: Program, ana: Lead) -> None:
    found = program.get(f"/leads/{ana.id}/score?language=en&at=2026-03-10T12:00:00Z")
    assert found["next_band"] in ("warm", "hot")
    assert found["proposals"]
    for each in found["proposals"]:
        assert each["reaches"] == (each["total"] >= found["next_band_from"])
        assert each["total"] == pytest.approx(found["total"] + each["gain"], abs=0.11)
    assert found["history"][-1] == {"at": "2026-03-10T12:00:00+00:00", "total": pytest.approx(found["total"], abs=0.05)}
    assert [each["at"] for each in found["changes"]] == sorted(each["at"] for each in found["changes"])
    assert program.get(f"/leads/{ana.id}/score?at=1970-01-02T00:00:00Z")["history"] == []


def test_no_score_is_not_a_score_of_0(program: Program, furnished: Any, at: datetime) -> None:
    lead, _ = save_lead(
        workspace_id=furnished.id, email="new@x.example", attributes={}, language="es", source_kind="api", at=at
    )
    found = program.get(f"/leads/{lead.id}/score")
    assert (found["total"], found["why_not"], found["rules"]) == (None, "not_valid", [])
    assert program.get(f"/leads/{lead.id}")["score"] is None
