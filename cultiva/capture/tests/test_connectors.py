"""Inbound connectors: proof, one fact once, what fields mean, evidence for ticked boxes, quarantine and retry."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from django.test import Client

from cultiva.capture.connectors.actions import create_inbound, quarantine_of, sample_of, save_mapping
from cultiva.capture.connectors.as_files import ConnectorFile
from cultiva.capture.connectors.kinds import Forged
from cultiva.capture.connectors.kinds.generic import Generic
from cultiva.capture.connectors.models import Inbound, InboundFact
from cultiva.capture.connectors.receiving import address_of, verify_word
from cultiva.capture.connectors.taking import forget_payloads, take_waiting
from cultiva.capture.tests.documents import publish_all
from cultiva.consent.actions import can_contact, withdraw
from cultiva.consent.models import ConsentMark, Evidence
from cultiva.events.models import Event
from cultiva.leads.models import Lead
from cultiva.lib.documents import DocumentError, read_document

META_SECRET = "meta_app_secret"
META_BODY = (
    b'{"object":"page","entry":[{"id":"153125381133","time":1438292065,"changes":[{"field":"leadgen","value":'
    b'{"leadgen_id":"444444444444","page_id":"153125381133","form_id":"333333333333","adgroup_id":"222222222222",'
    b'"ad_id":"222222222222","created_time":1438292064}}]}]}'
)
META_SIGNATURE = "sha256=6eeefc8e1a90f57cd820935ab48543dc3ca92464478f38362be94b0c36ad210b"
META_LEAD = {
    "id": "444444444444", "created_time": "2026-01-15T10:00:00+0000", "ad_id": "222222222222",
    "form_id": "333333333333", "is_organic": False, "platform": "ig", "campaign_name": "primavera",
    "field_data": [
        {"name": "full_name", "values": ["Ana Pérez"]}, {"name": "email", "values": ["ana@example.com"]},
        {"name": "phone_number", "values": ["+34600000000"]}, {"name": "¿cuántos_empleados?", "values": ["11-50"]},
    ],
    "custom_disclaimer_responses": [
        {"checkbox_key": "acepto_novedades", "is_checked": "1"}, {"checkbox_key": "perfilado", "is_checked": ""},
    ],
}  # fmt: skip
GOOGLE = {
    "lead_id": "Cj0KCQjwit", "campaign_id": 123456, "gcl_id": "Cj0Kclick", "api_version": "1.0", "form_id": 77,
    "user_column_data": [
        {"column_name": "Full Name", "string_value": "Luis Gil", "column_id": "FULL_NAME"},
        {"column_name": "User Phone", "string_value": "+16505550123", "column_id": "PHONE_NUMBER"},
        {"column_name": "User Email", "string_value": "luis@example.com", "column_id": "EMAIL"},
    ],
    "google_key": "tenant-secret", "is_test": False,
}  # fmt: skip


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    monkeypatch.setattr("cultiva.lib.clock.now", lambda: at)


def inbound(workspace: Any, at: datetime, kind: str, secret: str, token: str = "") -> Inbound:
    return create_inbound(
        workspace_id=workspace.id, kind=kind, name=kind, secret=secret, token=token, by="user:1", at=at
    )  # fmt: skip


def post(client: Client, to: Inbound, body: Any, **headers: str) -> int:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    path = "/" + address_of(to).split("/", 3)[3]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path, raw, content_type="application/json", headers=named).status_code


class Graph:
    """Meta's side of it: answers with `status` and `body`, and remembers what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.asked = 200, json.dumps(META_LEAD).encode(), list[tuple[str, str]]()
        graph = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                graph.asked.append((self.path, self.headers["Authorization"]))
                self.send_response(graph.status)
                self.end_headers()
                self.wfile.write(graph.body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def graph(settings: Any) -> Iterator[Graph]:
    made = Graph()
    settings.META_GRAPH_URL = f"http://127.0.0.1:{made.server.server_port}"
    thread = Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_meta_greets_and_gets_its_challenge_for_our_word_alone(huerta: Any, at: datetime, client: Client) -> None:
    meta = inbound(huerta, at, "meta", META_SECRET)
    path = "/" + address_of(meta).split("/", 3)[3]
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": verify_word(meta)}
    assert client.get(path, asked).content == b"1158201444"
    assert client.get(path, asked | {"hub.verify_token": "guess"}).status_code == 403
    assert client.get(path).status_code == 405
    assert client.get(path[:-3] + "abc").status_code == 404


def test_a_lead_of_meta_is_signed_fetched_once_and_has_evidence_of_what_was_ticked(
    lawful: Any, at: datetime, client: Client, graph: Graph
) -> None:
    meta = inbound(lawful, at, "meta", META_SECRET, token="page-token")
    box = "consent:purpose:marketing:1:es"
    mapping = {"disclaimer.acepto_novedades": box, "disclaimer.perfilado": "consent:policy:privacy:1:es"}
    save_mapping(inbound=meta, document=mapping, by="user:1", at=at)
    assert post(client, meta, META_BODY, X_Hub_Signature_256="sha256=" + "0" * 64) == 401
    assert (InboundFact.objects.count(), Inbound.objects.get().refused) == (0, 1)
    for _time in range(2):  # networks tell at least once
        assert post(client, meta, META_BODY, X_Hub_Signature_256=META_SIGNATURE) == 200
    graph.status = 500
    take_waiting(workspace_id=lawful.id, at=at)
    assert (InboundFact.objects.get().state, Lead.objects.count()) == ("waiting", 0)
    graph.status = 200
    later = at + timedelta(minutes=5)
    for _time in range(2):
        take_waiting(workspace_id=lawful.id, at=later)
    assert len(graph.asked) == 2
    path, authorization = graph.asked[-1]
    assert path.startswith("/444444444444?fields=created_time,")
    assert authorization == "Bearer page-token"
    lead = Lead.objects.get()
    assert (lead.email, lead.source_kind, lead.attributes["first_name"]) == ("ana@example.com", "ads", "Ana")
    assert lead.attributes["phone"] == "+34600000000"
    proof = Evidence.objects.get(lead=lead, act="given").payload.payload
    assert proof["checkbox_id"] == "disclaimer.acepto_novedades"
    assert proof["given_at"] == "2026-01-15T10:00:00+00:00"
    assert proof["page_url"] == "meta:form:333333333333"
    assert proof["source_payload_sha256"] == hashlib.sha256(META_BODY).hexdigest()
    assert not ConsentMark.objects.exclude(valid_since=None).exists()  # the policy's box was left clear
    event = Event.objects.get(name="lead_received")
    assert event.properties["extra"] == {"¿cuántos_empleados?": "11-50"}
    assert event.context == {"campaign": {"source": "instagram", "name": "primavera"}}


def test_what_meta_will_not_give_waits_with_its_words(
    huerta: Any, at: datetime, client: Client, graph: Graph
) -> None:  # fmt: skip
    meta = inbound(huerta, at, "meta", META_SECRET, token="old")
    graph.status, graph.body = 400, b'{"error":{"message":"Session has expired"}}'
    post(client, meta, META_BODY, X_Hub_Signature_256=META_SIGNATURE)
    take_waiting(workspace_id=huerta.id, at=at)
    (fact,) = quarantine_of(meta)
    assert "Session has expired" in fact.reason


def test_google_proves_itself_by_its_key_and_has_no_basis_for_mail(
    lawful: Any, at: datetime, client: Client
) -> None:  # fmt: skip
    google = inbound(lawful, at, "google", "tenant-secret")
    assert post(client, google, GOOGLE | {"google_key": "guess"}) == 401
    assert post(client, google, GOOGLE | {"lead_id": "t", "is_test": True}) == 200
    assert post(client, google, GOOGLE) == 200
    assert take_waiting(workspace_id=lawful.id, at=at) == 2  # a test gives a sample and makes no lead
    lead = Lead.objects.get()
    assert (lead.email, lead.attributes["last_name"]) == ("luis@example.com", "Gil")
    assert "tenant-secret" not in json.dumps(sample_of(Inbound.objects.get()))
    assert Event.objects.get(name="lead_received").context["campaign"] == {"source": "google", "gclid": "Cj0Kclick"}
    decisions = can_contact(workspace_id=lawful.id, lead_ids=[lead.id], purpose="marketing", channel="email", at=at)
    assert not decisions[lead.id].allowed


def standard(secret: str, raw: bytes, number: str, stamp: str) -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{number}.{stamp}.".encode() + raw, hashlib.sha256).digest()
    return {
        "webhook-id": number, "webhook-timestamp": stamp, "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }  # fmt: skip


def test_the_vector_of_standard_webhooks_holds_and_an_old_delivery_is_refused() -> None:
    secret, stamp = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "1768471200"
    raw = b'{"type":"lead.created","timestamp":"2026-01-15T10:00:00Z","data":{"id":"ld_1"}}'
    headers = {
        "webhook-id": "msg_2Test", "webhook-timestamp": stamp,
        "webhook-signature": "v1a,x v1,B9DeOvw+bWuJqqJNtfAgxrpu5SYDmJSiR92GxZqeImQ=",
    }  # fmt: skip
    sent = datetime.fromtimestamp(int(stamp), UTC)
    given: dict[str, Any] = {"inbound": Inbound(), "secret": secret, "raw": raw, "body": {}}
    Generic().verify(headers=headers, real_now=sent + timedelta(minutes=4), **given)
    for wrong, now in (
        (headers, sent + timedelta(minutes=6)),
        (headers | {"webhook-id": "other"}, sent),
        ({"X-Webhook-Secret": ""}, sent),
        ({"X-Signature-256": "sha256=" + "0" * 64}, sent),
    ):
        with pytest.raises(Forged):
            Generic().verify(headers=wrong, real_now=now, **given)


def test_what_cannot_be_mapped_waits_with_a_reason_until_its_field_is_named(
    lawful: Any, at: datetime, client: Client
) -> None:
    hook = inbound(lawful, at, "webhook", "s3cret")
    body = {"persona": {"correo": "eva@example.com", "acepta": "sí"}, "red": "LinkedIn", "acto": "comment", "n": 7}
    assert post(client, hook, body, X_Webhook_Secret="wrong") == 401
    assert post(client, hook, b"{no json", X_Webhook_Secret="s3cret") == 400
    assert post(client, hook, b'"text"', X_Webhook_Secret="s3cret") == 400
    for _time in range(2):
        assert post(client, hook, body, X_Webhook_Secret="s3cret") == 200
    take_waiting(workspace_id=lawful.id, at=at)
    (fact,) = quarantine_of(hook)
    assert "e-mail" in fact.reason or "correo" in fact.reason
    hook.refresh_from_db()
    assert sample_of(hook)["persona.correo"] == "eva@example.com"
    with pytest.raises(DocumentError) as caught:
        save_mapping(inbound=hook, document={"a": "fame", "b": "consent:purpose:none:1:es"}, by="user:1", at=at)
    assert [each.place for each in caught.value.errors] == ["a", "b"]
    mapping = {
        "persona.correo": "email", "persona.acepta": "consent:policy:privacy:1:es", "red": "social_network",
        "acto": "social_action", "n": "",
    }  # fmt: skip
    assert save_mapping(inbound=hook, document=mapping, by="user:1", at=at) == 1
    take_waiting(workspace_id=lawful.id, at=at)
    lead = Lead.objects.get()
    assert (lead.email, lead.source_kind) == ("eva@example.com", "webhook")
    assert ConsentMark.objects.get(lead=lead).valid_since == at
    assert Event.objects.get(name="social").properties == {"network": "linkedin", "action": "comment"}
    assert "extra" not in Event.objects.get(name="lead_received").properties
    assert forget_payloads(workspace_id=lawful.id, at=at + timedelta(days=31)) == 1


def test_a_tick_older_than_a_withdrawal_brings_nothing_back(lawful: Any, at: datetime, client: Client) -> None:
    hook = inbound(lawful, at, "webhook", "s3cret")
    mapping = {"email": "email", "ok": "consent:purpose:marketing:1:es", "when": "time"}
    save_mapping(inbound=hook, document=mapping, by="user:1", at=at)
    said = {"email": "eva@example.com", "ok": True, "when": (at - timedelta(hours=2)).isoformat()}
    post(client, hook, said, X_Webhook_Secret="s3cret")
    take_waiting(workspace_id=lawful.id, at=at)
    lead = Lead.objects.get()
    withdraw(workspace_id=lawful.id, lead_id=lead.id, purpose="marketing", channel="email", at=at)
    post(client, hook, said | {"n": 2}, X_Webhook_Secret="s3cret")
    take_waiting(workspace_id=lawful.id, at=at)
    assert Evidence.objects.filter(lead=lead, act="given").count() == 1
    assert InboundFact.objects.exclude(reason="").get().state == "taken"


CONNECTOR = """
connector: feria
kind: webhook
name: Feria de Lleida
mapping: {correo: email, finca: "attribute:company", acepto: "consent:purpose:marketing:1:es"}
"""


def put(huerta: Any, text: str, at: datetime) -> list[str]:
    return ConnectorFile().publish(workspace_id=huerta.id, text=text, attachments={}, by="user:1", at=at)


def test_a_connector_is_a_file_that_comes_back_as_it_was_without_its_secret(huerta: Any, at: datetime) -> None:
    publish_all(huerta.id, at)
    assert "secret" in put(huerta, CONNECTOR, at)[0]
    made = Inbound.objects.get(key="feria")
    present = ConnectorFile().find(huerta.id, "feria")
    assert present
    assert present.body == read_document(CONNECTOR)
    assert made.secret not in json.dumps(present.body)
    assert put(huerta, CONNECTOR.replace("Lleida", "Jaén"), at) == []
    changed = Inbound.objects.get(key="feria")
    assert (changed.name, changed.secret, changed.mapping) == ("Feria de Jaén", made.secret, made.mapping)
    needs = ConnectorFile().needs(read_document(CONNECTOR))
    assert [(need.kind, need.key) for need in needs] == [("purpose", "marketing")]


def test_a_connector_whose_file_is_taken_out_stops_and_goes_on_with_its_file(huerta: Any, at: datetime) -> None:
    publish_all(huerta.id, at)
    put(huerta, CONNECTOR, at)
    ConnectorFile().delete(workspace_id=huerta.id, key="feria", by="user:1", at=at)
    assert ConnectorFile().present(huerta.id) == {}
    assert Inbound.objects.get(key="feria").stopped_at == at
    assert put(huerta, CONNECTOR, at) == []
    assert Inbound.objects.get(key="feria").stopped_at is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("kind: webhook", "kind: fax"), "fax"), (("correo: email", "correo: mail"), "no meaning 'mail'"),
        (("name:", "nombre:"), "nombre"), (("connector: feria", "connector: Feria 1"), "Feria 1"),
        (("purpose:marketing:1", "purpose:marketing:9"), "no meaning"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_connector_is_refused_by_name(
    huerta: Any, at: datetime, change: tuple[str, str], named: str
) -> None:
    publish_all(huerta.id, at)
    with pytest.raises(DocumentError, match=named):
        put(huerta, CONNECTOR.replace(*change), at)
    assert not Inbound.objects.filter(workspace_id=huerta.id).exists()


def test_a_connector_keeps_its_kind(huerta: Any, at: datetime) -> None:
    publish_all(huerta.id, at)
    put(huerta, CONNECTOR, at)
    with pytest.raises(DocumentError, match="is a connector of kind webhook"):
        put(huerta, CONNECTOR.replace("kind: webhook", "kind: meta"), at)
