"""Actions on many leads over the API."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from cultiva.accounts.models import AuditEntry
from cultiva.api.tests.conftest import Program
from cultiva.bulk.models import BulkAction
from cultiva.bulk.turns import take_turn
from cultiva.leads.models import Lead
from cultiva.leads.tests import people
from cultiva.lib import clock

SPANISH = {"filter": {"criteria": {"attribute": "country", "is": "ES"}}}
TAG = {"action": "add_tag", "settings": {"tag": "feria"}, "selection": SPANISH}


@pytest.fixture
def leads(huerta: Any, at: datetime) -> list[Lead]:
    people.known_attributes(huerta, at, country="text")
    known = [("ana", "ES"), ("luis", "ES"), ("joao", "PT")]
    return [people.lead(huerta, at, f"{name}@a.example", attributes={"country": code}) for name, code in known]


def work(workspace: Any) -> None:
    while take_turn(workspace_id=workspace.id, now=clock.now, must_stop=lambda: False):
        pass


def tagged() -> int:
    return Lead.objects.filter(attributes__tags__contains=["feria"]).count()


def test_leads_are_counted_tagged_and_given_back(huerta: Any, program: Program, leads: list[Lead]) -> None:
    status, counted = program.ask("POST", "/bulk-actions", TAG | {"dry_run": True})
    assert (status, counted["total"], BulkAction.objects.count()) == (200, 2, 0)
    status, body = program.ask("POST", "/bulk-actions", TAG | {"expected_total": 3})
    assert (status, body["error"]["field"]) == (422, "expected_total")
    status, made = program.ask("POST", "/bulk-actions", TAG | {"expected_total": 2}, Idempotency_Key="once")
    assert (status, made["state"], made["total"]) == (201, "running", 2)
    assert program.ask("POST", "/bulk-actions", TAG | {"expected_total": 2}, Idempotency_Key="once")[1] == made
    assert BulkAction.objects.count() == 1
    work(huerta)
    done = program.get(f"/bulk-actions/{made['id']}")
    assert (done["state"], done["done"], done["counts"], done["can_undo"]) == ("done", 2, {"changed": 2}, True)
    assert (program.get("/bulk-actions")["data"], tagged()) == ([done], 2)
    status, undoing = program.ask("POST", f"/bulk-actions/{made['id']}/undo")
    assert (status, undoing["state"]) == (200, "undoing")
    work(huerta)
    assert (program.get(f"/bulk-actions/{made['id']}")["state"], tagged()) == ("undone", 0)
    status, body = program.ask("POST", f"/bulk-actions/{made['id']}/undo")
    assert (status, body["error"]["code"]) == (409, "cannot_undo")
    assert AuditEntry.objects.get(action="bulk.started").actor.startswith("api_key:")


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"action": "add_tga"}, None, "One of add_tag,"),
        ({"settings": {}}, "settings.tag", "required"),
        ({"settings": {"tag": "x", "colour": 1}}, "settings.colour", "no such field"),
        ({"selection": {"filter": {"criteria": {"attribute": "colour", "is": "x"}}}}, None, "no attribute `colour`"),
        ({"selection": {"filter": {"criteria": {"attribute": "country"}}}}, None, "selection.filter.criteria"),
        ({"selection": {"leads": [1], "segment": "x"}}, None, "one of"),
        ({"selection": {"leads": ["x"]}}, None, "list of ids"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(
    program: Program, leads: list[Lead], change: dict[str, Any], field: str | None, said: str
) -> None:
    status, body = program.ask("POST", "/bulk-actions", TAG | change)
    assert (status, body["error"]["field"]) == (422, field)
    assert said in body["error"]["message"]
    assert not BulkAction.objects.exists()


def test_an_export_needs_its_own_scope(huerta: Any, leads: list[Lead], programs: Callable[..., Program]) -> None:
    export = {"action": "export", "settings": {"format": "csv"}, "selection": {"filter": {}}}
    status, body = programs(huerta, scopes=["bulk:write"]).ask("POST", "/bulk-actions", export)
    assert (status, body["error"]["field"]) == (403, "exports:read")
    assert programs(huerta, scopes=["bulk:write", "exports:read"]).ask("POST", "/bulk-actions", export)[0] == 201


def test_the_file_of_an_export_is_taken_while_it_is_there(
    huerta: Any, program: Program, leads: list[Lead], at: datetime
) -> None:
    export = {"action": "export", "settings": {"format": "csv"}, "selection": SPANISH}
    made = program.ask("POST", "/bulk-actions", export)[1]
    status, body = program.ask("GET", f"/exports/{made['id']}/file")
    assert (status, body["error"]["code"]) == (409, "not_done")
    work(huerta)
    answer = program.take(f"/exports/{made['id']}/file")
    text = b"".join(answer).decode("utf-8-sig")
    assert answer.headers["Content-Disposition"].endswith('.csv"')
    assert int(answer.headers["Content-Length"]) == len(text.encode("utf-8-sig"))
    assert "ana@a.example" in text
    assert "joao@a.example" not in text
    assert AuditEntry.objects.get(action="export.downloaded").actor.startswith("api_key:")
    BulkAction.objects.filter(id=made["id"]).update(expires_at=at)
    status, body = program.ask("GET", f"/exports/{made['id']}/file")
    assert (status, body["error"]["code"]) == (410, "gone")
    tagging = program.ask("POST", "/bulk-actions", TAG)[1]
    assert program.ask("GET", f"/exports/{tagging['id']}/file")[0] == 404


def test_where_nobody_matches_nothing_is_started(program: Program, leads: list[Lead]) -> None:
    nobody = {"filter": {"criteria": {"attribute": "country", "is": "FR"}}}
    status, body = program.ask("POST", "/bulk-actions", TAG | {"selection": nobody})
    assert (status, body["total"], BulkAction.objects.count()) == (200, 0, 0)
