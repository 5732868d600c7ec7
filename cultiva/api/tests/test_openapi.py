"""The OpenAPI document is the contract: valid, complete, and what the API really does."""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import pytest
from django.test import Client
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from cultiva.accounts.api_keys import SCOPES
from cultiva.api.tests.conftest import Program
from cultiva.bulk.running import create_action, go_on, start
from cultiva.capture.campaigns.actions import save_campaign
from cultiva.capture.campaigns.documents import read_campaign
from cultiva.consent.actions import publish_purpose
from cultiva.consent.models import Evidence
from cultiva.leads.actions import save_lead
from cultiva.leads.attributes import define
from cultiva.leads.merging import merge_leads
from cultiva.leads.models import Lead
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.magnets.actions import grant_magnet, publish_magnet
from cultiva.magnets.codes import codes_of
from cultiva.privacy.requests import receive_request
from cultiva.scoring.actions import primary_model, publish_model
from cultiva.scoring.rehearsal.workspace import ask_rehearsal
from cultiva.segments.actions import save_segment
from cultiva.segments.personas.actions import save_persona

Json = dict[str, Any]
WRITES = ("post", "patch", "put", "delete")


@pytest.fixture
def document(client: Client, db: None) -> Json:
    answer = client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json())


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def fits(document: Json, schema: Json, value: Any) -> None:
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"], **schema}
    OAS31Validator(whole).validate(value)


def test_it_is_valid(document: Json) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_every_operation_says_all_that_a_caller_needs(document: Json) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids)) >= 7
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        (security,) = operation["security"]
        assert list(security) == ["Bearer"], where
        assert path == "/api/v1/" or security["Bearer"][0] in SCOPES, where
        wanted = {"401", "403", "422", "429", "500"} | ({"400", "409", "413", "415"} if method in WRITES else set())
        assert wanted <= set(operation["responses"]), where
        assert ("404" in operation["responses"]) == ("{" in path), where
        for status, answer in operation["responses"].items():
            if is_file(answer):
                continue
            content = answer["content"]["application/json"]
            if status.startswith("2"):
                fits(document, content["schema"], content["example"])
            else:
                assert content["schema"] == {"$ref": "#/components/schemas/Error"}, where
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            fits(document, content["schema"], content["example"])
        named = {each["name"] for each in operation["parameters"]}
        assert ("Idempotency-Key" in named) == (method in WRITES), where
    assert document["components"]["securitySchemes"]["Bearer"]["scheme"] == "bearer"


@pytest.fixture
def cast(ana: Lead, at: datetime) -> dict[str, Any]:
    """What stands for the parameters of addresses and required queries. A new one needs its own here."""

    def lead(n: int) -> int:
        return save_lead(
            workspace_id=ana.workspace_id, email=f"{n}@x.example", attributes={}, language="es", source_kind="form",
            at=at,
        )[0].id  # fmt: skip

    merge = merge_leads(
        workspace_id=ana.workspace_id, kept_id=lead(1), merged_id=lead(2), at=at, by="user:1", force=True
    )
    attribute = define(workspace_id=ana.workspace_id, subject="lead", key="hectares", type="text", at=at)
    define(workspace_id=ana.workspace_id, subject="lead", key="country", type="text", at=at)
    segment = save_segment(workspace_id=ana.workspace_id, name="Feria", kind="fixed", by="user:1", at=at)
    action = create_action(
        workspace_id=ana.workspace_id, kind="add_tag", settings={"tag": "x"}, selection={"leads": [ana.id]},
        by="user:1", at=at,
    )  # fmt: skip
    action = go_on(action=start(action=action, at=at, by="user:1"), now=lambda: at)
    export = create_action(
        workspace_id=ana.workspace_id, kind="export", settings={"format": "csv"}, selection={"leads": [ana.id]},
        by="user:1", at=clock.now(),
    )  # fmt: skip
    export = go_on(action=start(action=export, at=clock.now(), by="user:1"), now=clock.now)
    news = "purpose: news\nchannel: email\nbases: [consent, soft_opt_in]\nlanguages:\n  es: {label: Novedades}"
    publish_purpose(workspace_id=ana.workspace_id, text=news, at=at)
    persona = save_persona(
        workspace_id=ana.workspace_id, name="boletin", criteria=[{"when": {"event": "page"}, "weight": 1}], by="user:1",
        at=at,
    )  # fmt: skip
    settings = read_campaign({"campaign": persona.key, "objective": "content"}, workspace_id=ana.workspace_id)
    save_campaign(workspace_id=ana.workspace_id, settings=settings, by="user:1", at=at)
    rule = "{key: page, when: {event: page}, points: 1}"
    model = f"{{model: {persona.key}, dimensions: {{all: {{}}}}, rules: [{rule}]}}"
    publish_model(workspace_id=ana.workspace_id, text=model, at=at)
    asked = receive_request(workspace_id=ana.workspace_id, kind="access", way="api", at=at, by="user:1", lead_id=ana.id)
    live = primary_model(ana.workspace_id)
    assert live is not None
    rehearsal = ask_rehearsal(
        workspace_id=ana.workspace_id, texts=[live.source_text], first=date(2026, 1, 5), last=date(2026, 1, 12),
        horizon_days=30, goal="quote_requested", by="user:1", at=at,
    )  # fmt: skip
    code = publish_discount(ana, persona.key, at)
    return {
        "code": code,
        "request_id": asked.id,
        "rehearsal_id": rehearsal.id,
        "lead_id": ana.id, "company_id": ana.company_id, "merge_id": merge.id, "merged_id": lead(3),
        "attribute_id": attribute.id, "segment_id": segment.id, "kind": "template", "key": persona.key,
        "bulk_action_id": action.id, "export_id": export.id,
        "evidence_id": Evidence.objects.filter(lead_id=ana.id).order_by("id").values_list("id", flat=True)[0],
    }  # fmt: skip


def publish_discount(lead: Lead, key: str, at: datetime) -> str:
    """A code that the lead was given."""
    settings = "settings: {percent: 5, codes: made}"
    text = f"magnet: {key}\nkind: discount\nobjective: purchase\ntitle: {{es: Menos}}\n{settings}"
    publish_magnet(workspace_id=lead.workspace_id, text=text, files={}, at=at)
    return codes_of(grant_magnet(workspace_id=lead.workspace_id, lead_id=lead.id, magnet=key, at=at))[0][1]


def is_file(answer: Json) -> bool:
    return list(answer["content"]) == ["application/octet-stream"]


def filled(path: str, operation: Json, cast: dict[str, Any]) -> str:
    required = [each for each in operation["parameters"] if each["in"] == "query" and each["required"]]
    query = "&".join(f"{each['name']}={cast[each['name']]}" for each in required)
    return path.format(**cast) + (f"?{query}" if query else "")


def body_of(operation: Json, cast: dict[str, Any]) -> Any:
    """The example of the document, with ids of the cast."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    example = content.get("example")
    if example and "code" in example:
        example = example | {"code": cast["code"]}
    if example and "merged_id" in example:
        example = example | {"merged_id": cast["merged_id"], "force": True}
    return example


def test_every_operation_does_what_it_says(document: Json, program: Program, cast: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        status, body = program.ask(method.upper(), filled(path, operation, cast), body_of(operation, cast))
        assert status in (200, 201), (method, path, body)
        answer = operation["responses"][str(status)]
        assert is_file(answer) == program.last.streaming, (method, path)
        if not is_file(answer):
            fits(document, answer["content"]["application/json"]["schema"], body)


def test_every_operation_needs_its_scope(
    document: Json, huerta: Any, programs: Callable[..., Program], cast: dict[str, Any]
) -> None:
    for method, path, operation in operations(document):
        if path == "/api/v1/":
            continue
        (scope,) = operation["security"][0]["Bearer"]
        others = programs(huerta, scopes=[each for each in SCOPES if each != scope])
        status, body = others.ask(method.upper(), filled(path, operation, cast), body_of(operation, cast))
        assert (status, body["error"]["code"], body["error"]["field"]) == (403, "missing_scope", scope), (method, path)
        assert scope in body["error"]["message"]
        status, body = programs(huerta, scopes=[scope]).ask(
            method.upper(), filled(path, operation, cast), body_of(operation, cast)
        )
        assert status in (200, 201), (method, path, body)


def test_nothing_works_without_a_key(document: Json, client: Client, cast: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        answer = client.generic(method.upper(), filled(path, operation, cast))
        assert answer.status_code == 401, (method, path)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["error"]["code"] == "unauthorized"


def test_other_co_sees_nothing_of_it(
    document: Json, other_co: Any, programs: Callable[..., Program], cast: dict[str, Any]
) -> None:
    stranger = programs(other_co)
    missing = {name: 999_999_999 for name in cast}
    for method, path, operation in sorted(operations(document), key=lambda each: each[0] in WRITES):
        given = (method.upper(), filled(path, operation, cast), body_of(operation, cast))
        status, body = stranger.ask(*given)
        if method == "put":  # a document of one's own
            assert (status, body["error"]["code"]) == (422, "invalid_documents")
        elif "{" in path:
            assert status == 404, (method, path, body)
            there_is_none = stranger.ask(method.upper(), filled(path, operation, missing), body_of(operation, missing))
            assert without_ids(there_is_none[1]) == without_ids(body), (method, path)
        elif method == "get" and path != "/api/v1/":
            assert body["data"] == [], (method, path)
        assert "huertos.example" not in str(body) or method in WRITES
    with workspace_scope(other_co.id):
        assert not Lead.objects.filter(email="ana@huertos.example").exists()


def without_ids(body: Any) -> str:
    return re.sub(r"\d+|boletin", "N", str(body))
