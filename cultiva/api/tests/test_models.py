"""Scoring models over the API."""

from datetime import datetime
from typing import Any

from cultiva.api.tests.conftest import Program
from cultiva.scoring.actions import publish_model

TEXT = (
    "model: {key}\ndimensions: {{all: {{}}}}\nrules: [{{key: page, when: {{event: page}}, points: {points}, max: 9}}]\n"
)


def test_models_are_listed_told_apart_and_one_is_made_primary(program: Program, huerta: Any, at: datetime) -> None:
    publish_model(workspace_id=huerta.id, text=TEXT.format(key="first", points=5), at=at)
    for points in (5, 8):
        publish_model(workspace_id=huerta.id, text=TEXT.format(key="second", points=points), at=at, is_primary=False)
    listed = program.get("/models")["data"]
    assert [(each["key"], each["version"], each["is_primary"]) for each in listed] == [
        ("first", 1, True), ("second", 2, False),
    ]  # fmt: skip
    second = program.get("/models/second?language=en")
    assert second["text"] == TEXT.format(key="second", points=8)
    assert [each["differences"] for each in second["versions"]] == [
        ["The rule “visits a page”, points: 5 → 8."], [],
    ]  # fmt: skip
    assert ("rules[0]", "endless") in [(each["place"], each["kind"]) for each in second["faults"]]
    assert "La regla" in program.get("/models/second", Accept_Language="es")["versions"][0]["differences"][0]
    status, row = program.ask("POST", "/models/second/primary")
    assert (status, row["is_primary"], row["version"]) == (200, True, 3)
    assert [each["is_primary"] for each in program.get("/models")["data"]] == [False, True]
    assert program.ask("POST", "/models/third/primary")[0] == 404
    assert program.ask("DELETE", "/documents/model/first")[0] == 200
    assert [each["key"] for each in program.get("/models")["data"]] == ["second"]


def test_a_text_is_linted_before_it_is_published(program: Program) -> None:
    text = TEXT.format(key="draft", points=5) + "temperature: {warm: 3, hot: 60}\n"
    status, answer = program.ask("POST", "/models/lint", {"text": text}, Accept_Language="en")
    assert status == 200
    assert [(each["place"], each["kind"]) for each in answer["faults"]] == [
        ("rules[0]", "endless"), ("temperature.hot", "unreachable"), ("rules[0].when.event", "never_seen"),
    ]  # fmt: skip
    status, answer = program.ask("POST", "/models/lint", {"text": text.replace("warm", "warn")})
    assert (status, answer["error"]["field"]) == (422, "text")
    assert "unknown key `warn`" in answer["error"]["message"]
    assert program.get("/models")["data"] == []
