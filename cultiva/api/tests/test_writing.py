"""What programs write: leads, companies, attributes, merges. Never a consent."""

from datetime import datetime
from typing import Any

import pytest

from cultiva.accounts.models import AuditEntry
from cultiva.api.tests.conftest import Program
from cultiva.consent.actions import can_contact
from cultiva.flow import process_workspace
from cultiva.leads.models import Lead
from cultiva.lib import clock
from cultiva.privacy.erasing import erase_person


def refused(program: Program, method: str, path: str, body: Any) -> tuple[int, str, str | None]:
    status, told = program.ask(method, path, body)
    return status, told["error"]["code"], told["error"]["field"]


def test_a_lead_is_made_and_then_updated(program: Program, huerta: Any) -> None:
    status, made = program.ask(
        "POST", "/leads", {"email": "Ana@X.example", "phone": "600 111 222", "attributes": {"employees": 12}}
    )
    assert status == 201
    assert (made["email"], made["phone"], made["source_kind"]) == ("Ana@x.example", "+34600111222", "api")
    assert (made["language"], made["attributes"]["employees"]) == (huerta.language, 12)
    status, known = program.ask(
        "POST",
        "/leads",
        {"email": "ana@x.example", "external_id": "crm-1", "attributes": {"employees": "", "city": "Jaén"}},
    )
    assert (status, known["id"]) == (200, made["id"])
    assert (known["attributes"]["employees"], known["attributes"]["city"]) == (12, "Jaén")
    for identifier in ({"external_id": "crm-1"}, {"email": "ANA@x.example"}):
        assert program.ask("POST", "/leads", identifier)[1]["id"] == made["id"]
    assert Lead.objects.count() == 1


@pytest.mark.parametrize("body", [{"email": "a@x.example"}, {"phone": "+34600111222"}, {"external_id": "crm-1"}])
def test_any_identifier_will_do(program: Program, body: dict[str, str]) -> None:
    status, made = program.ask("POST", "/leads", body)
    assert status == 201
    assert program.ask("POST", "/leads", body)[0] == 200
    (name,) = body
    assert made[name] == body[name]


def test_the_api_never_raises_a_consent(program: Program, furnished: Any, at: datetime) -> None:
    _, made = program.ask("POST", "/leads", {"email": "a@x.example", "attributes": {"consent": True, "is_valid": True}})
    process_workspace(workspace_id=furnished.id, at=clock.now())
    found = program.get(f"/leads/{made['id']}")
    marks = found["consent"]
    assert not any(marks[name] for name in ("is_valid", "is_confirmed", "is_profiled"))
    assert (marks["purposes"], found["score"]) == ([], None)


def test_what_was_written_survives_a_look_at_the_ledger(program: Program, huerta: Any) -> None:
    body = {"email": "a@x.example", "phone": "+34600111222", "external_id": "crm-1", "language": "en",
            "attributes": {"employees": 12, "city": "Jaén"}}  # fmt: skip
    _, made = program.ask("POST", "/leads", body)
    program.ask("PATCH", f"/leads/{made['id']}", {"attributes": {"city": "Úbeda"}})
    process_workspace(workspace_id=huerta.id, at=clock.now())
    found = program.get(f"/leads/{made['id']}")
    assert found["attributes"] == made["attributes"] | {"city": "Úbeda"}
    assert {name: found[name] for name in ("email", "phone", "external_id", "language")} == {
        "email": "a@x.example", "phone": "+34600111222", "external_id": "crm-1", "language": "en"
    }  # fmt: skip


def test_a_value_of_the_wrong_type_is_kept_aside(program: Program, huerta: Any) -> None:
    program.ask("POST", "/attributes", {"key": "employees", "type": "number"})
    status, made = program.ask("POST", "/leads", {"email": "a@x.example", "attributes": {"employees": "many"}})
    assert status == 201
    process_workspace(workspace_id=huerta.id, at=clock.now())
    found = program.get(f"/leads/{made['id']}")
    assert "employees" not in found["attributes"]
    assert [(each["key"], each["value"]) for each in found["misfits"]] == [("employees", "many")]


def test_a_lead_is_changed_by_its_id(program: Program) -> None:
    _, made = program.ask("POST", "/leads", {"phone": "+34600111222", "attributes": {"first_name": "Ana"}})
    path = f"/leads/{made['id']}"
    status, found = program.ask(
        "PATCH", path, {"email": "a@x.example", "attributes": {"first_name": " ", "city": "Jaén"}}
    )
    assert (status, found["id"], found["email"]) == (200, made["id"], "a@x.example")
    assert (found["attributes"]["first_name"], found["attributes"]["city"]) == ("Ana", "Jaén")
    assert program.ask("PATCH", path, {"external_id": "crm-1"})[1]["external_id"] == "crm-1"
    assert program.ask("PATCH", path, {})[0] == 200
    assert Lead.objects.count() == 1


def test_an_identifier_is_not_swapped_and_not_taken(program: Program) -> None:
    _, ana = program.ask("POST", "/leads", {"email": "ana@x.example", "external_id": "crm-1"})
    _, eva = program.ask("POST", "/leads", {"email": "eva@x.example"})
    assert refused(program, "PATCH", f"/leads/{ana['id']}", {"email": "new@x.example"}) == (422, "invalid", "email")
    assert refused(program, "PATCH", f"/leads/{ana['id']}", {"external_id": "crm-2"}) == (422, "invalid", "external_id")
    for method, path, body in [
        ("PATCH", f"/leads/{eva['id']}", {"external_id": "crm-1"}),
        ("POST", "/leads", {"email": "eva@x.example", "external_id": "crm-1"}),
    ]:
        status, told = program.ask(method, path, body)
        assert (status, told["error"]["code"]) == (409, "identifiers_conflict")
        assert str(ana["id"]) in told["error"]["message"]
    assert program.get(f"/leads/{eva['id']}")["external_id"] is None


def test_null_deletes_nothing_and_says_so(program: Program) -> None:
    _, made = program.ask("POST", "/leads", {"email": "a@x.example", "attributes": {"city": "Jaén"}})
    status, told = program.ask("PATCH", f"/leads/{made['id']}", {"attributes": {"city": None}})
    assert (status, told["error"]["field"]) == (422, "attributes.city")
    assert "Leave the field out" in told["error"]["message"]
    assert program.get(f"/leads/{made['id']}")["attributes"]["city"] == "Jaén"


def test_a_company_is_made_and_then_updated(program: Program, huerta: Any) -> None:
    status, made = program.ask("POST", "/companies", {"domain": "Huertos.example", "name": "Huertos"})
    assert (status, made["domain"], made["lead_count"]) == (201, "huertos.example", 0)
    status, known = program.ask(
        "POST", "/companies", {"domain": "huertos.example", "external_id": "g1", "attributes": {"employees": 40}}
    )
    assert (status, known["id"], known["name"], known["external_id"]) == (200, made["id"], "Huertos", "g1")
    body = {"name": "Huertos SL", "attributes": {"city": "Jaén"}}
    status, changed = program.ask("PATCH", f"/companies/{made['id']}", body)
    assert (status, changed["name"], changed["attributes"]) == (200, "Huertos SL", {"employees": 40, "city": "Jaén"})
    assert program.get(f"/companies/{made['id']}") == changed
    program.ask("POST", "/companies", {"domain": "x.example", "external_id": "g2"})
    assert refused(program, "POST", "/companies", {"domain": "x.example", "external_id": "g1"})[:2] == (
        409, "identifiers_conflict",
    )  # fmt: skip
    assert refused(program, "POST", "/companies", {"name": "X"}) == (422, "no_identifier", "domain")
    assert refused(program, "POST", "/companies", {"domain": "¿?"}) == (422, "invalid", "domain")
    assert refused(program, "PATCH", f"/companies/{made['id']}", {"name": None}) == (422, "invalid", "name")
    actions = AuditEntry.objects.filter(workspace_id=huerta.id, actor=f"api_key:{program.key.id}").order_by("id")
    assert [entry.action for entry in actions][:3] == ["company.created", "company.changed", "company.changed"]


def test_companies_are_listed_with_their_leads(program: Program, huerta: Any) -> None:
    for n in range(5):
        program.ask("POST", "/companies", {"domain": f"{n}.example", "name": f"Empresa {n}"})
    program.ask("POST", "/leads", {"email": "ana@3.example"})
    process_workspace(workspace_id=huerta.id, at=clock.now())
    names: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = program.get("/companies?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        names += [(each["name"], each["lead_count"]) for each in page["data"]]
        cursor = page["next_cursor"]
    assert names == [(f"Empresa {n}", int(n == 3)) for n in range(5)]
    (found,) = program.get("/companies?search=EMPRESA%203")["data"]
    (lead,) = program.get(f"/leads?company_id={found['id']}")["data"]
    assert lead["company"] == {"id": found["id"], "name": "Empresa 3", "domain": "3.example"}
    for cursor in ("x", "bnVsbA", "WyJcdTAwMDAiLDFd", "WyJcdWQ4MDAiLDFd"):
        assert refused(program, "GET", f"/companies?cursor={cursor}", None) == (422, "invalid", "cursor")


def test_attributes_are_defined_and_changed(program: Program, huerta: Any) -> None:
    given = {"subject": "lead", "key": "plan", "type": "choice", "label": "Plan", "choices": ["basic", "pro"]}
    status, made = program.ask("POST", "/attributes", given)
    assert status == 201
    assert {name: made[name] for name in given} == given
    assert not made["is_guessed"]
    _, lead = program.ask("POST", "/leads", {"email": "a@x.example", "attributes": {"plan": "gold"}})
    process_workspace(workspace_id=huerta.id, at=clock.now())
    assert program.get(f"/leads/{lead['id']}")["misfits"]
    status, changed = program.ask("PATCH", f"/attributes/{made['id']}", {"choices": ["basic", "pro", "gold"]})
    assert (status, changed["choices"], changed["label"]) == (200, ["basic", "pro", "gold"], "Plan")
    found = program.get(f"/leads/{lead['id']}")
    assert (found["attributes"]["plan"], found["misfits"]) == ("gold", [])
    assert program.ask("POST", "/attributes", given | {"type": "text"})[0] == 200
    assert [each["key"] for each in program.get("/attributes?subject=lead")["data"] if each["key"] == "plan"] == [
        "plan"
    ]
    assert all(each["subject"] == "company" for each in program.get("/attributes?subject=company")["data"])
    for wrong, field in [({"type": "colour"}, "type"), ({"subject": "deal"}, "subject"), ({"key": ""}, "key")]:
        assert refused(program, "POST", "/attributes", given | wrong) == (422, "invalid", field)
    assert refused(program, "POST", "/attributes", given | {"type": "money", "choices": ["a", "b"]})[0] == 422


def test_two_leads_are_merged_and_parted(program: Program) -> None:
    _, ana = program.ask("POST", "/leads", {"email": "ana@x.example"})
    _, old = program.ask("POST", "/leads", {"email": "old@x.example", "attributes": {"city": "Jaén"}})
    path, body = f"/leads/{ana['id']}/merge", {"merged_id": old["id"]}
    preview = program.get(f"/leads/{ana['id']}/merge-preview?merged_id={old['id']}", Accept_Language="es")
    assert (preview["is_possible"], preview["reasons"]) == (True, ["different_email"])
    assert preview["lines"]
    status, told = program.ask("POST", path, body)
    assert (status, told["error"]["code"]) == (409, "different_email")
    assert "force" in told["error"]["message"]
    status, merge = program.ask("POST", path, body | {"force": True})
    assert (status, merge["kept_id"], merge["merged_id"], merge["undone_at"]) == (200, ana["id"], old["id"], None)
    assert program.get(f"/leads/{old['id']}")["id"] == ana["id"]
    assert program.get(f"/leads/{ana['id']}")["merged_ids"] == [old["id"]]
    assert [each["id"] for each in program.get("/leads")["data"]] == [ana["id"]]
    assert program.ask("PATCH", f"/leads/{old['id']}", {"attributes": {"city": "Úbeda"}})[1]["id"] == ana["id"]
    assert refused(program, "POST", path, body)[:2] == (409, "already_merged")
    status, undone = program.ask("POST", f"/merges/{merge['id']}/undo")
    assert (status, undone["id"]) == (200, merge["id"])
    assert undone["undone_at"] is not None
    assert program.get(f"/leads/{old['id']}")["id"] == old["id"]
    assert refused(program, "POST", f"/merges/{merge['id']}/undo", None)[:2] == (409, "undo_undone")
    assert refused(program, "POST", path, {"merged_id": ana["id"]})[:2] == (409, "same_lead")
    names = [each["name"] for each in program.get(f"/leads/{ana['id']}/events")["data"]]
    assert {"lead_merged", "lead_unmerged"} <= set(names)


def test_a_merge_sent_twice_happens_once(program: Program) -> None:
    _, ana = program.ask("POST", "/leads", {"email": "ana@x.example"})
    _, old = program.ask("POST", "/leads", {"email": "old@x.example"})
    asked = ("POST", f"/leads/{ana['id']}/merge", {"merged_id": old["id"], "force": True})
    assert program.ask(*asked, Idempotency_Key="m") == program.ask(*asked, Idempotency_Key="m")
    assert program.last.headers["Idempotent-Replay"] == "true"


def test_who_was_erased_and_is_told_of_again_is_a_new_person_whom_nobody_may_contact(
    program: Program, huerta: Any, at: datetime
) -> None:
    _, old = program.ask("POST", "/leads", {"email": "ana@x.example", "attributes": {"city": "Jaén"}})
    erase_person(workspace_id=huerta.id, lead_id=old["id"], at=clock.now(), by="user:1")
    status, new = program.ask("POST", "/leads", {"email": "ANA@x.example"})
    assert (status, new["email"], new["attributes"].get("city")) == (201, "ANA@x.example", None)
    assert new["id"] != old["id"]
    decided = can_contact(
        workspace_id=huerta.id, lead_ids=[old["id"], new["id"]], purpose="marketing", channel="email", at=clock.now()
    )
    assert {decision.reason for decision in decided.values()} == {"erased"}
