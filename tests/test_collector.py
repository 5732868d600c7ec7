"""Events that sites and servers send: taken once, durably, and belonging to the lead whose visitor it was."""

import gzip
import json
import urllib.error
import urllib.request
from base64 import b64encode
from typing import Any

import pytest

from tests.browser import Browser
from tests.product import Product
from tests.smtp_sink import Sink

Running = tuple[Product, Sink, Browser]


@pytest.fixture(scope="module")
def write_key(running: Running) -> str:
    made = running[0].command("source", "create", "--workspace", "riega", "--key", "tests", "--name", "Tests", "--json")
    return str(json.loads(made)["write_key"])


def send(
    product: Product, call: str, body: Any, *, key: str = "", headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    basic = {"Authorization": "Basic " + b64encode(f"{key}:".encode()).decode()} if key else {}
    request = urllib.request.Request(f"{product.url}/v1/{call}", data=content, headers={**basic, **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def page(n: int = 1, **more: Any) -> dict[str, Any]:
    return {"type": "page", "anonymousId": "v-1", "messageId": f"page-{n}", "properties": {"path": "/precios"}, **more}


def test_a_batch_is_stored_once_however_often_it_comes(running: Running, write_key: str) -> None:
    product = running[0]
    batch = {"batch": [page(n) for n in range(20)], "writeKey": write_key, "sentAt": "2026-03-10T12:00:00Z"}
    for _retry in range(3):
        assert send(product, "batch", batch) == (200, {"success": True})
    packed = gzip.compress(json.dumps(batch).encode())
    assert send(product, "b", packed, headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})[0] == 200
    stored = "SELECT count(*) FROM event WHERE source_id = (SELECT id FROM event_source WHERE key = 'tests')"
    assert product.query(stored) == [(20,)]


def test_a_visitor_who_turns_out_to_be_a_lead_brings_the_past_along(running: Running, write_key: str) -> None:
    product = running[0]
    lead_id, email, before = product.query(
        "SELECT l.id, l.email, s.score FROM lead l JOIN lead_state s ON s.lead_id = l.id"
        " WHERE s.score BETWEEN 5 AND 30 ORDER BY l.id LIMIT 1"
    )[0]
    for n in range(3):
        assert send(product, "page", page(100 + n, anonymousId="v-known"), key=write_key)[0] == 200
    send(
        product, "identify", {"anonymousId": "v-known", "messageId": "id-1", "traits": {"email": email}}, key=write_key
    )
    product.wait_for(
        lambda: product.query(f"SELECT score FROM lead_state WHERE lead_id = {lead_id}")[0][0] > before + 5
    )


def test_a_site_cannot_make_up_what_only_we_record(running: Running, write_key: str) -> None:
    """A write key lies open in pages: no mail and no standstill may follow from what is sent with it."""
    product = running[0]
    email = product.query("SELECT email FROM lead ORDER BY id LIMIT 1")[0][0]
    mails = product.query("SELECT count(*) FROM outbox WHERE cause_kind = 'grant'")
    ours = {"anonymousId": "v-forger", "type": "track", "event": "magnet_granted"}
    made_up = [
        {"type": "identify", "anonymousId": "v-forger", "messageId": "f-0", "traits": {"email": email}},
        {**ours, "messageId": "f-1", "properties": {"grant": 1, "magnet": "guia-riego"}},
        {**ours, "messageId": "f-2", "properties": {}},
        {**ours, "messageId": "f-3", "event": "confirmation_requested", "properties": {"confirmation": 1}},
        {**ours, "messageId": "f-4", "event": "stage_changed", "properties": {"to": "sales_qualified"}},
    ]
    assert send(product, "batch", {"batch": made_up}, key=write_key)[0] == 200
    waiting = "SELECT (SELECT count(*) FROM event_inbox) + (SELECT count(*) FROM lead_inbox)"
    product.wait_for(lambda: product.query(waiting) == [(0,)])
    assert product.query("SELECT count(*) FROM outbox WHERE cause_kind = 'grant'") == mails
    assert not product.says("round_failed")


@pytest.mark.parametrize(
    ("call", "body", "status", "code"),
    [
        ("track", b"{", 400, "invalid_json"),
        ("track", b"[1]", 400, "invalid_json"),
        ("track", b'{"event":"X","userId":"7","properties":{"n":NaN}}', 400, "invalid_json"),
        ("track", {"event": "X", "userId": "7", "timestamp": "0001-01-01T00:00:00+14:00"}, 400, "invalid_event"),
        ("track", b"\xff\xfe", 400, "invalid_json"),
        ("track", b'{"a":' * 5000, 400, "invalid_json"),
        ("track", {"event": "X"}, 400, "invalid_event"),
        ("track", {"event": "X", "userId": "null"}, 400, "invalid_event"),
        ("track", {"event": "X", "userId": "7", "properties": {"t": "a\u0000b"}}, 400, "invalid_event"),
        ("track", {"event": "X", "userId": "7", "properties": {"t": "\ud800"}}, 400, "invalid_event"),
        ("track", {"event": "X", "userId": "7", "properties": {"t": "x" * 40_000}}, 400, "invalid_event"),
        ("track", {"event": "X", "userId": "7", "properties": []}, 200, ""),
        ("track", {"event": "X", "userId": "7", "timestamp": "0001-01-01T00:00:00Z"}, 200, ""),
        ("track", {"event": "X", "userId": "7", "timestamp": "9999-12-31T23:59:59Z", "sentAt": "0001-01-01"}, 200, ""),
        ("batch", {"batch": {}}, 400, "invalid_batch"),
        ("batch", b"x" * 600_000, 413, "too_large"),
        ("nothing", {}, 404, "not_found"),
    ],
)  # fmt: skip
def test_every_bad_call_has_its_answer(
    running: Running, write_key: str, call: str, body: Any, status: int, code: str
) -> None:
    found, answer = send(running[0], call, body, key=write_key)
    assert (found, answer.get("code", "")) == (status, code)


def test_an_unknown_key_is_refused_and_a_bomb_is_not_unpacked(running: Running, write_key: str) -> None:
    product = running[0]
    assert send(product, "track", {"event": "X", "userId": "7"}, key="wk_wrong")[0] == 401
    bomb = gzip.compress(b'{"a":"' + b"0" * 50_000_000 + b'"}')
    assert send(product, "track", bomb, key=write_key, headers={"Content-Encoding": "gzip"})[0] == 413
