"""Who is let in, how often, and what is said to those who are not."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultiva.accounts.actions import create_user, grant_role
from cultiva.accounts.api_keys import revoke_api_key
from cultiva.accounts.models import ApiKey
from cultiva.api import door, urls  # noqa: F401  (urls: the operations add themselves)
from cultiva.api.door import make_cursor
from cultiva.api.tests.conftest import Program
from cultiva.leads.models import Lead
from cultiva.lib import clock

LONG = "9" * 400
DEEP = b'{"attributes": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}"

# (method, path, body, headers, status, code, field)
HOSTILE: list[tuple[str, str, Any, dict[str, str], int, str, str | None]] = [
    ("GET", "/nothing", None, {}, 404, "not_found", None),
    ("GET", "/leads/", None, {}, 404, "not_found", None),
    ("GET", "/api/v2/leads", None, {}, 404, "not_found", None),
    ("GET", "/leads/0", None, {}, 404, "not_found", None),
    ("GET", "/leads/-1", None, {}, 404, "not_found", None),
    ("GET", "/leads/x", None, {}, 404, "not_found", None),
    ("GET", "/leads/1%00", None, {}, 404, "not_found", None),
    ("GET", f"/leads/{2**63}", None, {}, 404, "not_found", None),
    ("GET", f"/leads/{2**63 - 1}", None, {}, 404, "not_found", None),
    ("GET", f"/leads/{LONG * 12}", None, {}, 404, "not_found", None),
    ("GET", "/leads/%F0%9F%8C%B1/events", None, {}, 404, "not_found", None),
    ("DELETE", "/leads/1", None, {}, 405, "method_not_allowed", None),
    ("PUT", "/leads", {}, {}, 405, "method_not_allowed", None),
    ("OPTIONS", "/leads", None, {"Origin": "https://evil.example"}, 405, "method_not_allowed", None),
    ("GET", "/leads?limt=3", None, {}, 422, "unknown_field", "limt"),
    ("GET", "/leads?limit=0", None, {}, 422, "invalid", "limit"),
    ("GET", "/leads?limit=1001", None, {}, 422, "invalid", "limit"),
    ("GET", f"/leads?limit={LONG * 12}", None, {}, 422, "invalid", "limit"),
    ("GET", "/leads?limit=3&limit=4", None, {}, 422, "invalid", "limit"),
    ("GET", "/leads?limit=", None, {}, 422, "invalid", "limit"),
    ("GET", "/leads?sort=oldest", None, {}, 422, "invalid", "sort"),
    ("GET", "/leads?search=%00", None, {}, 422, "invalid", "search"),
    ("GET", "/leads?search=" + "a" * 201, None, {}, 422, "invalid", "search"),
    ("GET", "/leads?email=nobody", None, {}, 422, "invalid", "email"),
    ("GET", f"/leads?company_id={2**63}", None, {}, 422, "invalid", "company_id"),
    ("GET", "/leads?created_since=yesterday", None, {}, 422, "invalid", "created_since"),
    ("GET", "/leads?created_since=2026-01-01T00:00:00", None, {}, 422, "invalid", "created_since"),
    ("GET", "/leads?created_since=0001-01-01T00:00:00%2B14:00", None, {}, 422, "invalid", "created_since"),
    ("GET", "/leads?created_since=9999-12-31T23:59:59-14:00", None, {}, 422, "invalid", "created_since"),
    ("GET", "/leads?cursor=x", None, {}, 422, "invalid", "cursor"),
    ("GET", "/leads?cursor=" + make_cursor("1e999", 1), None, {}, 422, "invalid", "cursor"),
    ("GET", "/leads?cursor=" + make_cursor("2026-03-10T12:00:00Z", 2**63), None, {}, 422, "invalid", "cursor"),
    ("GET", "/events?cursor=" + make_cursor(2**63), None, {}, 422, "invalid", "cursor"),
    ("GET", "/events?cursor=" + make_cursor(True), None, {}, 422, "invalid", "cursor"),
    ("GET", "/events?cursor=" + make_cursor(1, 2), None, {}, 422, "invalid", "cursor"),
    ("GET", "/events?name=%00", None, {}, 422, "invalid", "name"),
    ("GET", f"/events?source_id={2**63}", None, {}, 422, "invalid", "source_id"),
    ("POST", "/leads", None, {}, 422, "missing", None),
    ("POST", "/leads", b"{", {}, 400, "invalid_json", None),
    ("POST", "/leads", b"\xff\xfe", {}, 400, "invalid_json", None),
    ("POST", "/leads", b"[]", {}, 400, "invalid_json", None),
    ("POST", "/leads", b'"x"', {}, 400, "invalid_json", None),
    ("POST", "/leads", b'{"email": NaN}', {}, 400, "invalid_json", None),
    ("POST", "/leads", b'{"attributes": {"n": 1e999}}', {}, 400, "invalid_json", None),
    ("POST", "/leads", b'{"email": "\\ud800@x.example"}', {}, 400, "invalid_json", None),
    ("POST", "/leads", b'{"email": "\\u0000@x.example"}', {}, 422, "invalid", None),
    ("POST", "/leads", b'{"email": "a@x.example", "attributes": {"\\u0000": 1}}', {}, 422, "invalid", None),
    ("POST", "/leads", DEEP, {}, 422, "invalid", None),
    ("POST", "/leads", b"[" * 5000, {}, 400, "invalid_json", None),
    ("POST", "/leads", b" " * 1_000_001, {}, 413, "too_large", None),
    ("POST", "/leads", b"email=a@x.example", {"Content_Type": "application/x-www-form-urlencoded"}, 415,
     "unsupported_media_type", None),
    ("POST", "/leads", b"\x1f\x8b", {"Content_Encoding": "gzip"}, 415, "unsupported_media_type", None),
    ("POST", "/leads", {}, {}, 422, "no_identifier", "email"),
    ("POST", "/leads", {"emial": "a@x.example"}, {}, 422, "unknown_field", "emial"),
    ("POST", "/leads", {"email": 7}, {}, 422, "invalid", "email"),
    ("POST", "/leads", {"email": "nobody"}, {}, 422, "invalid", "email"),
    ("POST", "/leads", {"email": "a@x.example", "attributes": []}, {}, 422, "invalid", "attributes"),
    ("POST", "/leads", {"email": "a@x.example", "score": 100}, {}, 422, "unknown_field", "score"),
    ("POST", "/leads", {"email": "a@x.example", "consent": {"is_valid": True}}, {}, 422, "unknown_field", "consent"),
    ("POST", "/leads", {"email": "a@x.example", "attributes": {str(n): n for n in range(101)}}, {}, 422, "invalid",
     "attributes"),
    ("POST", "/leads", {"email": "a@x.example"}, {"Idempotency_Key": "x" * 256}, 422, "invalid", "Idempotency-Key"),
    ("POST", "/leads", {"email": "a@x.example"}, {"Idempotency_Key": ""}, 422, "invalid", "Idempotency-Key"),
    ("PATCH", "/leads/1", {"attributes": {"a": None}}, {}, 422, "invalid", "attributes.a"),
    ("PATCH", "/leads/1", {"email": None}, {}, 422, "invalid", "email"),
    ("POST", "/leads/1/merge", {"merged_id": 2**70}, {}, 422, "invalid", "merged_id"),
    ("POST", "/leads/1/merge", {}, {}, 422, "missing", "merged_id"),
    ("GET", "/leads/1/merge-preview", None, {}, 422, "missing", "merged_id"),
    ("POST", f"/merges/{2**63}/undo", {}, {}, 404, "not_found", None),
]  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: f"{case[0]} {case[1]} {case[2]!r}"[:60])
def test_what_cannot_be_done_is_told_and_changes_nothing(program: Program, case: Any) -> None:
    method, path, body, headers, status, code, field = case
    answered, told = program.ask(method, path, body, **headers)
    assert (answered, told["error"]["code"], told["error"]["field"]) == (status, code, field), told
    assert set(told) == {"error"}
    assert set(told["error"]) == {"code", "message", "field"}
    assert 10 < len(told["error"]["message"]) < 400
    assert "pydantic" not in str(told)
    assert program.last.headers["Content-Type"] == "application/json"
    assert not Lead.objects.exists()


def test_the_nearest_name_and_the_value_are_told(program: Program) -> None:
    assert "Did you mean `limit`?" in program.ask("GET", "/leads?limt=3")[1]["error"]["message"]
    assert "Did you mean `email`?" in program.ask("POST", "/leads", {"emial": "a"})[1]["error"]["message"]
    assert '"5000"' in program.ask("GET", "/leads?limit=5000")[1]["error"]["message"]
    assert program.ask("PUT", "/leads")[1]["error"]["message"] == "PUT is not possible here. Possible: GET, POST."
    assert set(program.last.headers["Allow"].split(", ")) == {"GET", "POST"}


def test_a_key_that_is_over_opens_nothing(huerta: Any, programs: Callable[..., Program]) -> None:
    at = clock.now()
    expired = programs(huerta, expires_at=at + timedelta(hours=1))
    assert expired.ask("GET", "/")[0] == 200
    ApiKey.objects.filter(id=expired.key.id).update(expires_at=at)
    revoked = programs(huerta)
    revoke_api_key(workspace_id=huerta.id, key_id=revoked.key.id, by="cli", at=at)
    told = [each.ask("GET", "/") for each in (expired, revoked)]
    wrong = programs(huerta)
    for secret in ("", "ck_" + "x" * 32, "nix", "ck_\udcff", wrong.secret + "x", wrong.secret.upper()):
        wrong.secret = secret.encode("utf-8", "replace").decode("latin-1")
        told.append(wrong.ask("GET", "/"))
    assert {status for status, _ in told} == {401}
    assert len({str(body) for _, body in told}) == 1


@pytest.mark.parametrize("authorization", ["", "Basic Y2s6", "Bearer", "ck_x", "Token {secret}"])
def test_a_key_goes_into_the_header_as_a_bearer(program: Program, authorization: str) -> None:
    assert program.ask("GET", "/", Authorization=authorization.format(secret=program.secret))[0] == 401
    assert program.ask("GET", f"/?key={program.secret}", Authorization="")[0] == 401


def test_cookies_and_sessions_count_for_nothing(huerta: Any, at: Any) -> None:
    user = create_user(email="o@x.example", full_name="Owner", language="es", at=at)
    grant_role(workspace_id=huerta.id, user=user, role="owner", at=at)
    client = Client()
    client.force_login(user, backend="cultiva.accounts.signing_in.PasswordBackend")
    assert client.get("/leads").status_code == 200
    answer = client.get("/api/v1/leads")
    assert answer.status_code == 401
    assert not answer.cookies
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_a_request_from_a_form_needs_no_token_and_gets_nothing(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/api/v1/leads", {"email": "a@x.example"})
    assert answer.status_code == 401


def test_no_browser_of_another_site_may_read(program: Program) -> None:
    program.ask("GET", "/", Origin="https://evil.example")
    assert not [name for name in program.last.headers if name.startswith("Access-Control")]
    assert program.last.headers["Cache-Control"] == "no-store"


def test_more_than_the_allowance_is_told_when_to_come_back(huerta: Any, programs: Callable[..., Program]) -> None:
    slow, other = programs(huerta, requests_per_minute=3), programs(huerta, requests_per_minute=3)
    left = []
    for _ in range(3):
        assert slow.ask("GET", "/leads")[0] == 200
        left.append(slow.last.headers["RateLimit-Remaining"])
    assert left == ["2", "1", "0"]
    assert slow.last.headers["RateLimit-Limit"] == "3"
    status, body = slow.ask("GET", "/leads")
    assert (status, body["error"]["code"]) == (429, "too_many_requests")
    assert 18 <= int(slow.last.headers["Retry-After"]) <= 20
    assert int(slow.last.headers["RateLimit-Reset"]) <= 60
    assert other.ask("GET", "/leads")[0] == 200


def test_the_last_use_is_seen(program: Program) -> None:
    program.ask("GET", "/leads")
    used = ApiKey.objects.get(id=program.key.id).last_used_at
    assert used is not None
    program.ask("GET", "/leads")
    assert ApiKey.objects.get(id=program.key.id).last_used_at == used


def test_what_breaks_inside_is_not_told(program: Program, monkeypatch: Any, caplog: Any) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("SELECT secret FROM vault")

    monkeypatch.setattr("cultiva.api.leads.leads_page", broken)
    status, body = program.ask("GET", "/leads")
    assert (status, body["error"]["code"]) == (500, "internal")
    assert "vault" not in str(body)
    assert body["error"]["message"].rpartition(" ")[2].rstrip(".") in caplog.text
    monkeypatch.setattr(door, "clock", None)
    status, body = program.ask("GET", "/leads")
    assert (status, body["error"]["code"]) == (500, "internal")


def test_a_post_sent_twice_has_its_effect_once(program: Program, huerta: Any) -> None:
    first = program.ask("POST", "/leads", {"email": "a@x.example"}, Idempotency_Key="k1")
    assert first[0] == 201
    assert "Idempotent-Replay" not in program.last.headers
    assert program.ask("POST", "/leads", {"email": "a@x.example"}, Idempotency_Key="k1") == first
    assert program.last.headers["Idempotent-Replay"] == "true"
    assert len(program.get(f"/leads/{first[1]['id']}/events")["data"]) == 1
    assert program.ask("POST", "/leads", {"email": "a@x.example"}, Idempotency_Key="k2")[0] == 200
    for method, path, body in [
        ("POST", "/leads", {"email": "b@x.example"}),
        ("PATCH", f"/leads/{first[1]['id']}", {"email": "a@x.example"}),
    ]:
        status, told = program.ask(method, path, body, Idempotency_Key="k1")
        assert (status, told["error"]["code"]) == (422, "idempotency_key_reused")
    assert Lead.objects.count() == 1


def test_a_refused_request_may_be_mended_under_the_same_key(program: Program) -> None:
    assert program.ask("POST", "/leads", {"email": "nobody"}, Idempotency_Key="k")[0] == 422
    assert program.ask("POST", "/leads", {"email": "a@x.example"}, Idempotency_Key="k")[0] == 201


def test_keys_of_two_programs_do_not_meet(huerta: Any, other_co: Any, programs: Callable[..., Program]) -> None:
    for workspace in (huerta, huerta, other_co):
        body = {"email": f"{uuid4()}@x.example"}
        status, _ = programs(workspace).ask("POST", "/leads", body, Idempotency_Key="k")
        assert status == 201


WORDS = st.text(max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.sampled_from(["a@x.example", "+34600111222"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
OPERATIONS = [
    (method, path)
    for path, view in door.api.default_router.path_operations.items()
    for operation in view.operations
    for method in operation.methods
]
NAMES = [
    "limit",
    "cursor",
    "search",
    "email",
    "phone",
    "external_id",
    "attributes",
    "sort",
    "at",
    "model",
    "language",
    "merged_id",
    "force",
    "created_since",
    "company_id",
    "name",
    "domain",
    "key",
    "type",
    "choices",
    "subject",
]
NUMBERS = st.integers(-5, 5) | st.integers() | WORDS


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    operation=st.sampled_from(OPERATIONS),
    ids=st.lists(NUMBERS, min_size=2, max_size=2),
    query=st.dictionaries(st.sampled_from(NAMES) | WORDS, WORDS | st.integers().map(str), max_size=3),
    body=st.dictionaries(st.sampled_from(NAMES) | WORDS, VALUES, max_size=5),
)
def test_nothing_that_is_sent_breaks_it(program: Program, operation: Any, ids: Any, query: Any, body: Any) -> None:
    method, path = operation
    for number in ids:
        head, brace, tail = path.partition("{")
        if brace:
            path = head + quote(str(number), safe="") + tail.partition("}")[2]
    raw = json.dumps(body).encode()  # with NaN, Infinity and lone surrogates, which orjson would refuse to write
    status, _ = program.ask(method, f"{path}?{urlencode(query, errors='replace')}", raw if method != "GET" else None)
    assert status < 500, (method, path, query, raw)
