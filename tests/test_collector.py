"""Events that sites and servers send: taken once, durably, and belonging to the lead whose visitor it was."""

import gzip
import http.client
import json
import re
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.browser import READER, Browser
from tests.product import ROOT, Product
from tests.smtp_sink import Sink

Running = tuple[Product, Sink, Browser]
Ask = Callable[..., list[tuple[Any, ...]]]


class Sender(NamedTuple):
    source_id: int
    key: str


def make_source(product: Product, name: str, kind: str = "site") -> Sender:
    words = ("--workspace", "riega", "--key", name, "--name", name, "--kind", kind)
    made = json.loads(product.command("source", "create", *words, "--json"))
    return Sender(made["id"], made["write_key"])


@pytest.fixture(scope="module")
def ask(running: Running) -> Iterator[Ask]:
    """Ask the database as its owner, who sees every workspace."""
    with psycopg.connect(running[0].owner_url, autocommit=True) as connection:
        yield lambda sql, *values: connection.execute(sql, values).fetchall()


@pytest.fixture(scope="module")
def site(running: Running) -> Sender:
    return make_source(running[0], "tests")


@pytest.fixture(scope="module")
def server(running: Running) -> Sender:
    return make_source(running[0], "tests-server", "server")


@pytest.fixture
def write_key(site: Sender) -> str:
    return site.key


def send(
    product: Product, call: str, body: Any, *, key: str = "", headers: dict[str, str] | None = None, method: str = ""
) -> tuple[int, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    basic = {"Authorization": "Basic " + b64encode(f"{key}:".encode()).decode()} if key else {}
    request = urllib.request.Request(
        f"{product.url}/v1/{call}", data=None if method == "GET" else content, method=method or "POST",
        headers={**basic, "User-Agent": READER, **(headers or {})},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def page(n: int = 1, **more: Any) -> dict[str, Any]:
    return {"type": "page", "anonymousId": "v-1", "messageId": f"page-{n}", "properties": {"path": "/precios"}, **more}


def test_a_batch_is_stored_once_however_often_it_comes(running: Running, site: Sender, ask: Ask) -> None:
    product = running[0]
    batch = {"batch": [page(n) for n in range(20)], "writeKey": site.key, "sentAt": "2026-03-10T12:00:00Z"}
    for _retry in range(3):
        assert send(product, "batch", batch) == (200, {"success": True})
    packed = gzip.compress(json.dumps(batch).encode())
    assert send(product, "b", packed, headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})[0] == 200
    assert send(product, "import", packed)[0] == 200  # some senders do not say that it is gzip
    assert ask("SELECT count(*) FROM event WHERE source_id = %s", site.source_id) == [(20,)]


def test_a_visitor_who_turns_out_to_be_a_lead_brings_the_past_along(running: Running, write_key: str, ask: Ask) -> None:
    product = running[0]
    lead_id, email, before = ask(
        "SELECT l.id, l.email, s.score FROM lead l JOIN lead_state s ON s.lead_id = l.id"
        " WHERE s.score BETWEEN 5 AND 30 ORDER BY l.id LIMIT 1"
    )[0]
    for n in range(3):
        assert send(product, "page", page(100 + n, anonymousId="v-known"), key=write_key)[0] == 200
    send(
        product, "identify", {"anonymousId": "v-known", "messageId": "id-1", "traits": {"email": email}}, key=write_key
    )
    product.wait_for(lambda: ask("SELECT score FROM lead_state WHERE lead_id = %s", lead_id)[0][0] > before + 5)


def test_a_site_cannot_make_up_what_only_we_record(running: Running, write_key: str, ask: Ask) -> None:
    """A write key lies open in pages: no mail and no standstill may follow from what is sent with it."""
    product = running[0]
    email = ask("SELECT email FROM lead ORDER BY id LIMIT 1")[0][0]
    mails = ask("SELECT count(*) FROM outbox WHERE cause_kind = 'grant'")
    ours = {"anonymousId": "v-forger", "type": "track", "event": "magnet_granted"}
    made_up = [
        {"type": "identify", "anonymousId": "v-forger", "messageId": "f-0", "traits": {"email": email}},
        {**ours, "messageId": "f-1", "properties": {"grant": 1, "magnet": "guia-riego"}},
        {**ours, "messageId": "f-2", "properties": {}},
        {**ours, "messageId": "f-3", "event": "confirmation_requested", "properties": {"confirmation": 1}},
        {**ours, "messageId": "f-4", "event": "stage_changed", "properties": {"to": "sales_qualified"}},
        {**ours, "messageId": "f-5", "event": "X", "context": {"is_secret": True, "makes_leads": True, "user_id": "1"}},
    ]
    assert send(product, "batch", {"batch": made_up}, key=write_key)[0] == 200
    waiting = "SELECT (SELECT count(*) FROM event_inbox) + (SELECT count(*) FROM lead_inbox)"
    product.wait_for(lambda: ask(waiting) == [(0,)])
    assert ask("SELECT count(*) FROM outbox WHERE cause_kind = 'grant'") == mails
    assert ask("SELECT count(*) FROM event WHERE context ?| %s AND source_id IN (SELECT id FROM event_source"
               " WHERE key = 'tests')", ["is_secret", "makes_leads", "user_id"]) == [(0,)]  # fmt: skip
    assert not product.says("round_failed")


# What comes, by its line in docs/reference/events.md: a whole request, or one message among others.
def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


def raw_track(properties: str) -> bytes:
    return b'{"type":"track","event":"X","userId":"7","properties":' + properties.encode() + b"}"


TRACK = {"type": "track", "event": "X", "userId": "7"}
REQUESTS: dict[str, tuple[str, bytes]] = {
    "garbage instead of JSON": ("track", b'{"event": "X", '),
    "JSON that is no object": ("track", b"[1]"),
    "`NaN` or `Infinity`": ("track", b'{"event":"X","userId":"7","properties":{"n":NaN}}'),
    "bytes that are not UTF-8": ("track", b'{"event":"X","userId":"\xff\xfe"}'),
    "gzip cut short": ("track", gzip.compress(json.dumps(TRACK).encode())[:-9]),
    "a `batch` that is no list": ("batch", b'{"batch":{}}'),
    "a batch of 501 KB": ("batch", json.dumps({"batch": [{**TRACK, "x": "x" * 1000}] * 480}).encode().ljust(513_024)),
    "a gzip bomb": ("batch", gzip.compress(b'{"batch":["' + b"0" * 50_000_000 + b'"]}')),
    "two million values in a small gzip": ("batch", gzip.compress(b'{"batch":[' + b"[]," * 2_000_000 + b"1]}")),
    "an unknown write key": ("track", json.dumps({**TRACK, "writeKey": "pk_nobody"}).encode()),
    "no write key": ("track", json.dumps(TRACK).encode()),
    "a call that is not there": ("nothing", b"{}"),
    "GET where POST is meant": ("track", b""),
}
MESSAGES: dict[str, Any] = {
    "a message that is no object": 7,
    "an unknown type": {**TRACK, "type": "purchase"},
    "no id": {"type": "track", "event": "X"},
    **{f'the id "{word}"': {**TRACK, "userId": word, "anonymousId": None} for word in
       ("null", "undefined", "guest", "0", "")},
    "an id that is an object": {**TRACK, "userId": {"id": 7}},
    "a track without `event`": {"type": "track", "userId": "7"},
    "an `event` that is a number": {**TRACK, "event": 7},
    "an `event` of 256 characters": {**TRACK, "event": "X" * 256},
    "`properties` that are a list": {**TRACK, "properties": [1]},
    "a `context` that is a text": {**TRACK, "context": "none"},
    "a group without `groupId`": {"type": "group", "userId": "7"},
    "an alias without `previousId`": {"type": "alias", "userId": "7"},
    "an event of 33 KB": {**TRACK, "properties": {"text": "x" * 33 * 1024}},
    "an object with 100,000 keys": {**TRACK, "properties": {f"k{n}": 1 for n in range(100_000)}},
    "objects 65 deep": raw_track(nested(65)),
    "objects 5,000 deep": raw_track(nested(5_000)),
    "half a surrogate pair": raw_track(r'{"text":"\ud800"}'),
    "a NUL character": raw_track(r'{"text":"a\u0000b"}'),
    "a `timestamp` that is no time": {**TRACK, "timestamp": "yesterday"},
}  # fmt: skip
TIMES: dict[str, tuple[dict[str, Any], timedelta]] = {  # and how far from its receipt it is stored
    "the year 1": ({**TRACK, "timestamp": "0001-01-01T00:00:00+14:00"}, timedelta(0)),
    "the year 9999": ({**TRACK, "timestamp": "9999-12-31T23:59:59-12:00"}, timedelta(0)),
    "a clock a day ahead, without `sentAt`": ({**TRACK, "timestamp": "{+86400}"}, timedelta(0)),
    "a clock a day ahead, with `sentAt`": (
        {**TRACK, "timestamp": "{+86400}", "sentAt": "{+86410}"}, timedelta(seconds=-10)
    ),
    "an event of seven days ago": ({**TRACK, "timestamp": "{-604800}"}, timedelta(days=-7)),
    "a `messageId` of 300 characters": ({**TRACK, "messageId": "m" * 300}, timedelta(0)),
}  # fmt: skip
LATE = "the 2,501st event of a batch"


def documented() -> dict[str, tuple[int, str, str]]:
    """{what comes: (status, code, what becomes of it)}, from the reference."""
    text = (ROOT / "docs" / "reference" / "events.md").read_text()
    table = text.split("| what comes |")[1].split("\n\n")[0].splitlines()[2:]
    found = {}
    for line in table:
        what, answer, becomes = (cell.strip() for cell in line.strip("|").split("|"))
        words = re.findall(r"`([^`]+)`", answer)
        found[what] = (int(words[0]), words[1] if len(words) > 1 else "", becomes)
    return found


DOCUMENTED = documented()


def test_every_documented_case_is_tried() -> None:
    assert set(DOCUMENTED) == {*REQUESTS, *MESSAGES, *TIMES, LATE}


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_that_cannot_be_taken_is_answered_as_documented(running: Running, write_key: str, what: str) -> None:
    call, body = REQUESTS[what]
    key = "" if "write key" in what else write_key
    status, answer = send(running[0], call, body, key=key, method="GET" if "GET" in what else "POST")
    assert (status, answer["code"], "") == DOCUMENTED[what]
    assert answer["message"]


def batch_around(message: Any, name: str, key: str) -> bytes:
    """Two good messages with the other one between them, packed."""
    good = {"type": "track", "event": name, "anonymousId": "v-neighbour"}
    middle = message if isinstance(message, bytes) else json.dumps(message).encode()
    items = b",".join([json.dumps(good).encode(), middle, json.dumps({**good, "messageId": "n-2" + name}).encode()])
    return gzip.compress(b'{"batch":[' + items + b'],"writeKey":"' + key.encode() + b'"}')


@pytest.mark.parametrize("what", MESSAGES)
def test_a_message_that_cannot_be_taken_is_quarantined_and_its_neighbours_are_stored(
    running: Running, write_key: str, ask: Ask, what: str
) -> None:
    newest = ask("SELECT coalesce(max(id), 0) FROM event_quarantine")[0][0]
    sent = send(running[0], "batch", batch_around(MESSAGES[what], f"beside {what}", write_key))
    assert sent == (200, {"success": True})
    kept = ask("SELECT code, payload, is_cut FROM event_quarantine WHERE id > %s", newest)
    assert [(200, "", f"`{code}`") for code, _payload, _is_cut in kept] == [DOCUMENTED[what]]
    assert kept[0][2] or json.loads(kept[0][1]) is not None
    assert kept[0][1].isascii()
    assert write_key not in kept[0][1]
    assert ask("SELECT count(*) FROM event WHERE name = %s", f"beside {what}") == [(2,)]


@pytest.mark.parametrize("what", MESSAGES)
def test_the_same_alone_is_answered_the_same(running: Running, write_key: str, what: str) -> None:
    message = MESSAGES[what]
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    call = message["type"] if isinstance(message, dict) and message["type"] != "purchase" else "track"
    status, answer = send(running[0], call, gzip.compress(body), key=write_key)
    expected = (400, "invalid_json") if what == "a message that is no object" else (200, None)
    assert (status, answer.get("code")) == expected


@pytest.mark.parametrize("what", TIMES)
def test_a_clock_that_is_wrong_loses_nothing(running: Running, server: Sender, ask: Ask, what: str) -> None:
    message, distance = TIMES[what]
    now = datetime.now(UTC)

    def put_time(found: re.Match[str]) -> str:
        return (now + timedelta(seconds=int(found[1]))).isoformat()

    body = re.sub(r"\{([+-]\d+)\}", put_time, json.dumps({**message, "event": f"clock: {what}"}))
    assert send(running[0], "track", body.encode(), key=server.key) == (200, {"success": True})
    stored = ask("SELECT occurred_at - received_at, context ->> 'clock' FROM event WHERE name = %s", f"clock: {what}")
    assert len(stored) == 1
    assert abs(stored[0][0] - distance) < timedelta(seconds=8)
    becomes = DOCUMENTED[what][2]
    assert stored[0][1] == (found[1] if (found := re.search(r"`(\w+)`", becomes)) else None)


def test_a_batch_may_hold_2500_events_and_keeps_the_rest_in_quarantine(
    running: Running, server: Sender, ask: Ask
) -> None:
    batch = {"batch": [{"type": "track", "event": "many", "userId": "7", "n": n} for n in range(2_510)]}
    assert send(running[0], "batch", gzip.compress(json.dumps(batch).encode()), key=server.key)[0] == 200
    assert ask("SELECT count(*) FROM event WHERE name = 'many'") == [(2_500,)]
    kept = ask("SELECT code, count(*) FROM event_quarantine WHERE source_id = %s GROUP BY 1", server.source_id)
    assert kept == [("too_many", 10)]
    assert DOCUMENTED[LATE] == (200, "", "`too_many`")


def test_a_body_far_too_large_is_refused_while_it_comes(running: Running, write_key: str) -> None:
    status, answer = send(running[0], "batch", b"x" * 5_000_000, key=write_key)
    assert (status, answer["code"]) == (413, "too_large")


@pytest.mark.parametrize("style", ["basic with colon", "basic without colon", "bearer", "body"])
def test_the_key_may_come_in_each_way_that_clients_use(running: Running, site: Sender, style: str) -> None:
    written = {
        "basic with colon": {"Authorization": "Basic " + b64encode(f"{site.key}:".encode()).decode()},
        "basic without colon": {"Authorization": "Basic " + b64encode(site.key.encode()).decode()},
        "bearer": {"Authorization": f"Bearer {site.key}"},
        "body": {},
    }[style]
    body = {**TRACK, **({"writeKey": site.key} if style == "body" else {})}
    assert send(running[0], "t", body, headers=written) == (200, {"success": True})


@pytest.mark.parametrize(
    ("short", "kind", "more"),
    [
        ("t", "track", {"event": "X"}), ("i", "identify", {}), ("p", "page", {}), ("s", "screen", {}),
        ("g", "group", {"groupId": "g-1"}), ("a", "alias", {"previousId": "old"}),
    ],
)  # fmt: skip
def test_every_kind_is_stored_under_its_own_name(
    running: Running, server: Sender, ask: Ask, short: str, kind: str, more: dict[str, Any]
) -> None:
    for call in (short, kind):
        body = {"userId": f"of-{kind}", "messageId": f"{call}-1", **more}
        assert send(running[0], call, body, key=server.key)[0] == 200
    stored = ask("SELECT DISTINCT kind, context FROM event WHERE context ->> 'user_id' = %s", f"of-{kind}")
    asked = {"group": {"group_id": "g-1"}, "alias": {"previous_id": "old"}}.get(kind, {})
    assert stored == [(kind, {"user_id": f"of-{kind}", "is_secret": True, "makes_leads": True, **asked})]


def test_a_clients_metrics_are_taken_and_dropped(running: Running) -> None:
    assert send(running[0], "m", {"series": [{"type": "Counter"}]}) == (200, {"success": True})


def test_a_browser_of_any_site_may_ask_before_it_sends(running: Running, write_key: str) -> None:
    product = running[0]
    asks = {
        "Origin": "https://shop.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-retry-count",
    }  # fmt: skip
    request = urllib.request.Request(f"{product.url}/v1/t", headers=asks, method="OPTIONS")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Allow-Methods"] == "POST"
        allowed = set(answer.headers["Access-Control-Allow-Headers"].split(", "))
        assert allowed == {"authorization", "content-type", "content-encoding", "x-retry-count"}
        assert answer.headers["Access-Control-Max-Age"] == "86400"
    request = urllib.request.Request(
        f"{product.url}/v1/t", data=json.dumps({**TRACK, "writeKey": write_key}).encode(), headers=asks
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Expose-Headers"].lower() == "retry-after"


def test_the_settings_of_a_key_lead_the_browsers_client_here(running: Running, site: Sender, server: Sender) -> None:
    product = running[0]
    status, found = send(product, f"projects/{site.key}/settings", b"", method="GET")
    assert status == 200
    assert found["integrations"] == {
        "Segment.io": {
            "apiKey": site.key, "apiHost": f"127.0.0.1:{product.port}/v1", "protocol": "http",
            "addBundledMetadata": False,
        }
    }  # fmt: skip
    assert send(product, "projects/pk_nobody/settings", b"", method="GET")[0] == 401
    assert send(product, f"projects/{server.key}/settings", b"", method="GET")[0] == 403


def test_a_site_that_the_source_does_not_name_is_turned_away(running: Running, ask: Ask) -> None:
    product, sender = running[0], make_source(running[0], "tests-origins")
    ask("UPDATE event_source SET allowed_origins = %s WHERE id = %s RETURNING 1", '["https://huerta.example"]',
        sender.source_id)  # fmt: skip
    for origin, status in {"https://huerta.example": 200, "https://other.example": 403, "": 200}.items():
        headers = {"Origin": origin} if origin else {}
        assert send(product, "t", TRACK, key=sender.key, headers=headers)[0] == status


def test_a_revoked_key_is_refused_within_seconds(running: Running, ask: Ask) -> None:
    product, sender = running[0], make_source(running[0], "tests-revoked")
    assert send(product, "t", TRACK, key=sender.key)[0] == 200
    ask("UPDATE write_key SET revoked_at = now() WHERE source_id = %s RETURNING 1", sender.source_id)
    product.wait_for(lambda: send(product, "t", TRACK, key=sender.key)[0] == 401, 7)


def test_a_key_that_sends_too_fast_is_asked_to_come_back(running: Running, ask: Ask) -> None:
    product, sender = running[0], make_source(running[0], "tests-fast")
    ask("UPDATE event_source SET requests_per_second = 2 WHERE id = %s RETURNING 1", sender.source_id)
    answers = [send(product, "t", TRACK, key=sender.key)[0] for _try in range(8)]
    assert answers[:4] == [200] * 4  # two seconds' worth
    assert 429 in answers
    headers = {"Content-Type": "text/plain"}
    while (answer := post_raw(product, json.dumps({**TRACK, "writeKey": sender.key}), headers))[0] == 200:
        pass
    assert answer[0] == 429
    assert int(answer[1]["Retry-After"]) >= 1


def post_raw(product: Product, body: str, headers: dict[str, str]) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=20)
    connection.request("POST", "/v1/t", body, headers)
    answer = connection.getresponse()
    return answer.status, answer.headers


def test_without_consent_to_tracking_an_event_is_counted_and_not_kept(running: Running, ask: Ask) -> None:
    product, sender = running[0], make_source(running[0], "tests-consent")
    ask("UPDATE event_source SET requires_tracking_consent = true WHERE id = %s RETURNING 1", sender.source_id)

    def agreed(answer: Any) -> dict[str, Any]:
        return {"consent": {"categoryPreferences": {"analytics": answer, "ads": True}}}

    def shown(name: str, **more: Any) -> dict[str, Any]:
        return {"type": "track", "event": name, "anonymousId": "secret-visitor", **more}

    batch = [
        shown("Seen", context=agreed(True)), shown("Seen", context=agreed(False)), shown("Seen"),
        shown("Seen", context=agreed("true")), {"type": "page"}, "secret-visitor",
        *(shown(f"name {n:03}") for n in range(130)),
    ]  # fmt: skip
    for _twice in range(2):
        assert send(product, "batch", {"batch": batch}, key=sender.key)[0] == 200
    where = f"WHERE source_id = {sender.source_id}"
    assert ask(f"SELECT count(*), count(DISTINCT name) FROM event {where}") == [(2, 1)]
    assert ask(f"SELECT count(*) FROM event_quarantine {where}") == [(0,)]
    counts = {(kind, name): n for kind, name, n in ask(f"SELECT kind, name, count FROM event_uncovered {where}")}
    assert counts["track", "Seen"] == 6
    assert counts["page", ""] == 2
    assert counts["", ""] == 2
    assert sum(counts.values()) == 2 * (len(batch) - 1)
    assert len(counts) == 101  # a hundred names, and `other`
    assert "secret-visitor" not in str(counts)


def test_what_a_batch_says_of_all_lies_under_each(running: Running, server: Sender, ask: Ask) -> None:
    batch = {
        "context": {"app": {"name": "shop"}, "locale": "es"}, "integrations": {"All": True},
        "batch": [{**TRACK, "event": "shared", "context": {"locale": "en", "ip": "192.0.2.7"}}],
    }  # fmt: skip
    assert send(running[0], "batch", batch, key=server.key)[0] == 200
    context = ask("SELECT context FROM event WHERE name = 'shared'")[0][0]
    assert context == {
        "app": {"name": "shop"}, "locale": "en", "ip": "192.0.2.7", "user_id": "7", "is_secret": True,
        "makes_leads": True, "integrations": {"All": True},
    }  # fmt: skip


def test_a_browsers_address_is_the_connections(running: Running, site: Sender, ask: Ask) -> None:
    body = {**TRACK, "event": "from a browser", "context": {"ip": "192.0.2.7", "active": False}}
    assert send(running[0], "track", body, key=site.key)[0] == 200
    context = ask("SELECT context FROM event WHERE name = 'from a browser'")[0][0]
    assert context == {"ip": "127.0.0.1", "active": False, "user_id": "7"}
