"""Documents by the API: one at a time, and as the files of a folder."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from cultiva.accounts.models import AuditEntry
from cultiva.api.tests.conftest import Program
from cultiva.documents.applying import pull
from cultiva.leads.models import Lead
from cultiva.scoring.models import Score

PURPOSE = "purpose: calls\nchannel: phone\nlanguages: {en: {label: Call me}}\n"
FILES = {"files": {"purposes/calls.yaml": PURPOSE}}


def test_a_document_is_published_read_and_taken_out(program: Program, furnished: Any) -> None:
    assert program.ask("PUT", "/documents/purpose/calls", {"text": PURPOSE})[0] == 201
    status, body = program.ask("PUT", "/documents/purpose/calls", {"text": PURPOSE.replace("Call", "Ring")})
    assert (status, body["version"], body["path"]) == (200, 2, "purposes/calls.yaml")
    assert program.get("/documents/purpose/calls")["text"] == PURPOSE.replace("Call", "Ring")
    assert {"kind": "purpose", "key": "calls", "version": 2, "path": "purposes/calls.yaml"} in (
        program.get("/documents")["data"]
    )
    assert program.ask("DELETE", "/documents/purpose/calls")[0] == 200
    assert program.ask("GET", "/documents/purpose/calls")[0] == 404
    entry = AuditEntry.objects.filter(workspace_id=furnished.id).latest("id")
    assert (entry.actor, entry.detail) == (f"api_key:{program.key.id}", {"changes": ["deleted purpose/calls"]})


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("PUT", "/documents/purpose/ring", {"text": PURPOSE}, "Rename the file to purposes/calls.yaml"),
        (
            "PUT",
            "/documents/purpose/calls",
            {"text": "purpose: calls\npurpose: x"},
            "line 2: not YAML: found duplicate key",
        ),
        ("PUT", "/documents/purpose/calls", {"text": PURPOSE.replace("phone", "pigeon")}, "'pigeon' is not known"),
        ("PUT", "/documents/form/guia-riego", {"text": "form: guia-riego\npolicy: x"}, "there is no policy `x`"),
        ("DELETE", "/documents/purpose/marketing", None, "form `guia-riego`"),
        ("DELETE", "/documents/lifecycle/ventas", None, "Every lead stands in a stage"),
        ("POST", "/documents/apply", {"files": {"purpose/calls.yaml": PURPOSE}}, "Did you mean `purposes`?"),
        ("POST", "/documents/apply", {"files": {"../calls.yaml": PURPOSE}}, "is no path of a document"),
        ("POST", "/documents/plan", FILES | {"attachments": {"a/b": "%"}}, "it is no base64"),
        ("POST", "/documents/plan", FILES | {"delete": ["calls"]}, "it names no document"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    program: Program, furnished: Any, method: str, path: str, body: Any, says: str
) -> None:
    before = pull(workspace_id=furnished.id)
    status, answer = program.ask(method, path, body)
    assert (status, says in answer["error"]["message"]) == (422, True), answer
    assert pull(workspace_id=furnished.id) == before


def test_files_are_planned_with_a_key_that_reads_and_applied_with_one_that_writes(
    program: Program, furnished: Any, programs: Callable[..., Program]
) -> None:
    reader = programs(furnished, scopes=["documents:read"])
    status, plan = reader.ask("POST", "/documents/plan", FILES)
    assert (status, plan["created"], plan["problems"]) == (200, 1, [])
    assert "+purpose: calls" in plan["documents"][0]["diff"]
    assert reader.ask("POST", "/documents/apply", FILES)[0] == 403
    status, body = program.ask("POST", "/documents/apply", FILES | {"digest": "0" * 64})
    assert (status, body["error"]["code"]) == (409, "plan_changed")
    status, body = program.ask("POST", "/documents/apply", FILES | {"digest": plan["digest"]})
    assert (status, body["created"]) == (200, 1)
    status, body = program.ask("POST", "/documents/apply", FILES)
    assert (status, body["created"], body["unchanged"]) == (200, 0, 1)


def test_a_document_that_was_put_after_files_applied_it_is_drift(program: Program, furnished: Any) -> None:
    program.ask("POST", "/documents/apply", FILES)
    program.ask("PUT", "/documents/purpose/calls", {"text": PURPOSE.replace("Call", "Ring")})
    _, plan = program.ask("POST", "/documents/plan", FILES)
    assert (plan["drifted"], plan["documents"][0]["is_drift"]) == (1, True)
    status, body = program.ask("POST", "/documents/apply", FILES)
    assert (status, body["error"]["code"]) == (409, "drifted")
    assert program.ask("POST", "/documents/apply", FILES | {"overwrite": True})[0] == 200
    assert program.get("/documents/purpose/calls")["text"] == PURPOSE


def test_the_files_of_magnets_come_as_base64(program: Program, furnished: Any, other_co: Any) -> None:
    tree = pull(workspace_id=furnished.id)
    pdf = tree["magnets/guia-riego/guia-riego-eficiente.pdf"]
    sent = {
        "files": {
            "magnets/second.yaml": tree["magnets/guia-riego.yaml"].decode().replace("guia-riego\n", "second\n", 1)
        },
        "attachments": {"magnets/second/guia-riego-eficiente.pdf": b64encode(pdf + b"\n").decode()},
    }
    status, body = program.ask("POST", "/documents/apply", sent)
    assert (status, body["created"]) == (200, 1), body
    assert pull(workspace_id=furnished.id)["magnets/second/guia-riego-eficiente.pdf"] == pdf + b"\n"


def test_a_plan_says_who_is_scored_anew_and_scores_nobody(program: Program, ana: Lead) -> None:
    text = program.get("/documents/model/readiness")["text"]
    sent = {"files": {"models/readiness.yaml": text.replace("points: 9", "points: 8", 1)}}
    scores = Score.objects.filter(workspace_id=ana.workspace_id).values_list("model_id", "total")
    before = list(scores.all())
    _, plan = program.ask("POST", "/documents/plan", sent)
    assert plan["documents"][0]["notes"] == [
        "1 lead is scored anew; who crosses a band by that is not handed over for it."
    ]
    assert list(scores.all()) == before
    program.ask("POST", "/documents/apply", sent)
    assert list(scores.all()) != before


def test_problems_are_told_in_the_language_that_is_asked_for(program: Program, furnished: Any) -> None:
    bad = {"files": {"purposes/calls.yaml": "purpose: calls\nchanel: phone\n"}}
    said = {
        language: program.ask("POST", "/documents/plan", bad, Accept_Language=language)[1]["problems"]
        for language in ("", "en", "es-ES,es;q=0.9")
    }
    assert [each["problem"] for each in said[""]] == ["unknown key `chanel`", "`languages` is missing"]
    assert said["en"] == said[""]
    assert [each["problem"] for each in said["es-ES,es;q=0.9"]] == ["clave desconocida `chanel`", "falta `languages`"]
