"""The collector, durable before the answer: single events beside a constant answer of the same server (at least 0.4 of
its rate), batches of 100 (at least 30,000 events a second, the load generator on the same machine), and single events
beside one ORM insert a request in the same server (at least 20 times its rate)."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import uvloop

from bench import Result
from tests.product import ROOT, Product, free_port, open_folder

LEAST_OF_CONSTANT = 0.4
LEAST_EVENTS = 30_000
LEAST_TIMES_ORM = 20
SECONDS = 5.0
CONNECTIONS = 256  # who waits for a disk at once, shares it
BATCH_CONNECTIONS = 16
BATCH = 100
ROUNDS = 3


def measure() -> list[Result]:
    with open_folder() as folder, Product(folder, COLLECTOR_PORT=str(free_port())) as product:
        return compare(product)


def compare(product: Product) -> list[Result]:
    """The collector and the comparisons run in one process of the product's server, and take turns."""
    port = free_port()
    environ = {**product.environ, "PORT": str(port), "BENCH_PORT": str(port)}
    made = product.command(
        "source", "create", "--workspace", "riega", "--key", "bench", "--name", "Bench", "--kind", "server", "--json"
    )
    key = str(json.loads(made)["write_key"])
    raise_limit(product)
    stop_worker(product)
    server = subprocess.Popen([sys.executable, "-m", "bench.collector", "serve"], cwd=ROOT, env=environ)
    try:
        wait_until_open(port)
        rates: dict[str, list[float]] = {"constant": [], "single": [], "orm": [], "batch": []}
        for _round in range(ROUNDS):
            rates["constant"].append(rate(port, "/v1/constant", key, single, CONNECTIONS))
            rates["single"].append(rate(port, "/v1/track", key, single, CONNECTIONS))
            rates["batch"].append(rate(port, "/v1/batch", key, batch, BATCH_CONNECTIONS) * BATCH)
            rates["orm"].append(rate(port, "/bench/orm", key, single, CONNECTIONS))
    finally:
        server.terminate()
        server.wait()
        for pid in product.pids("worker"):
            os.kill(pid, signal.SIGCONT)
    constant, alone, orm, events = (sorted(each)[ROUNDS // 2] for each in rates.values())
    ratio, times = alone / constant, alone / orm
    return [
        Result(
            "collector: single events beside a constant answer", f"{ratio:.2f} ({alone:.0f}/s of {constant:.0f}/s)",
            f">= {LEAST_OF_CONSTANT}", ratio >= LEAST_OF_CONSTANT,
        ),
        Result(
            f"collector: events in batches of {BATCH}", f"{events:.0f}/s", f">= {LEAST_EVENTS}/s",
            events >= LEAST_EVENTS,
        ),
        Result(
            "collector: single events beside an ORM insert", f"{times:.0f} x ({orm:.0f}/s)",
            f">= {LEAST_TIMES_ORM} x", times >= LEAST_TIMES_ORM,
        ),
    ]  # fmt: skip


def raise_limit(product: Product) -> None:
    import psycopg

    with psycopg.connect(product.owner_url, autocommit=True) as connection:
        connection.execute("UPDATE event_source SET requests_per_second = 1000000 WHERE key = 'bench'")


def stop_worker(product: Product) -> None:
    """What becomes of events afterwards is measured elsewhere: the worker stands still meanwhile."""
    for pid in product.pids("worker"):
        os.kill(pid, signal.SIGSTOP)


def single(number: int) -> bytes:
    return json.dumps(event(number)).encode()


def batch(number: int) -> bytes:
    items = [event(number * BATCH + n) for n in range(BATCH)]
    return json.dumps({"batch": items, "sentAt": "2026-03-10T12:00:00.000Z"}).encode()


def event(number: int) -> dict[str, Any]:
    """As server and browser clients send them: 600 bytes."""
    return {
        "type": "track", "event": "Product Viewed", "anonymousId": f"visitor-{number % 5000}",
        "messageId": f"bench-{RUN}-{number}", "timestamp": "2026-03-10T12:00:00.000Z",
        "properties": {
            "path": "/precios/riego-por-goteo", "title": "Riego por goteo", "url": "https://huerta.example/precios",
            "value": 12.5, "quantity": 3,
        },
        "context": {
            "ip": "192.0.2.7", "locale": "es-ES", "library": {"name": "analytics-node", "version": "3.1.0"},
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0",
            "page": {"path": "/precios/riego-por-goteo", "url": "https://huerta.example/precios"},
        },
    }  # fmt: skip


RUN = os.urandom(4).hex()
_numbers = iter(range(10**9))


def wait_until_open(port: int) -> None:
    import http.client

    for _try in range(200):
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=2).connect()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server for the comparison did not open")


class Client(asyncio.Protocol):
    """One connection that sends a request as soon as the last one is answered; as little as HTTP/1.1 allows."""

    def __init__(self, next_request: Callable[[], bytes], counts: dict[str, int]) -> None:
        self.next_request, self.counts = next_request, counts
        self.seen = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.next_request())

    def data_received(self, data: bytes) -> None:
        self.seen += data
        head_end = self.seen.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self.seen[:head_end].lower()
        start = head.index(b"content-length:") + 15
        length = int(head[start : head.find(b"\r", start) if b"\r" in head[start:] else None])
        if len(self.seen) < head_end + 4 + length:
            return
        assert self.seen.startswith(b"HTTP/1.1 200"), self.seen[:300]
        self.counts["answered"] += 1
        self.seen = b""
        self.transport.write(self.next_request())


def rate(port: int, path: str, key: str, body_of: Callable[[int], bytes], connections: int) -> float:
    """Requests answered a second; bodies are made beforehand, so that making them costs nothing here."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Basic {b64encode(f'{key}:'.encode()).decode()}\r\nContent-Length: "
    ).encode()
    bodies = [body_of(next(_numbers)) for _body in range(3_000 if body_of is batch else 60_000)]
    requests = iter([head + str(len(body)).encode() + b"\r\n\r\n" + body for body in bodies])
    counts = {"answered": 0}

    async def run() -> float:
        loop = asyncio.get_running_loop()
        is_over = loop.create_future()

        def next_request() -> bytes:
            found = next(requests, b"")
            if not found and not is_over.done():
                is_over.set_result(None)
            return found

        began = time.perf_counter()
        transports = [
            (await loop.create_connection(lambda: Client(next_request, counts), "127.0.0.1", port))[0]
            for _connection in range(connections)
        ]
        try:
            async with asyncio.timeout(SECONDS):
                await is_over
        except TimeoutError:
            pass
        took = time.perf_counter() - began
        for transport in transports:
            transport.close()
        return counts["answered"] / took

    return uvloop.run(run())


def serve() -> None:
    """The collector in the product's own server, with two more addresses: a constant answer and an ORM insert."""
    from cultiva.cli.environment import product
    from cultiva.cli.processes import serve as serve_application

    with product() as config:
        os.environ.pop("CULTIVA_SUPERVISOR_FD", None)
        serve_application("bench.collector:application", config, int(os.environ["BENCH_PORT"]))


async def application(scope: Any, receive: Any, send: Any) -> None:
    from cultiva.public.collector import collector

    if scope["type"] == "http" and scope["path"] == "/v1/constant":
        message = await receive()
        while message.get("more_body"):
            message = await receive()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"16")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"success":true}'})
    elif scope["type"] == "http" and scope["path"] == "/bench/orm":
        await orm_application()(scope, receive, send)
    else:
        await collector(scope, receive, send)


_orm: list[Any] = []


def orm_application() -> Any:
    """A Django view that makes one row a request, as most would write it."""
    if not _orm:
        from django.core.asgi import get_asgi_application
        from django.http import HttpRequest, JsonResponse
        from django.urls import path
        from django.views.decorators.csrf import csrf_exempt

        from cultiva import urls
        from cultiva.accounts.actions import workspace_ids
        from cultiva.events.models import EventUncovered
        from cultiva.lib.database import workspace_scope

        @csrf_exempt
        def insert(request: HttpRequest) -> JsonResponse:
            message = json.loads(request.body)
            workspace_id = workspace_ids()[0]
            with workspace_scope(workspace_id):
                EventUncovered.objects.create(
                    workspace_id=workspace_id, source_id=0, day="2026-03-10", kind=message["type"],
                    name=message["messageId"], count=1,
                )  # fmt: skip
            return JsonResponse({"success": True})

        patterns: list[Any] = urls.urlpatterns
        patterns.insert(0, path("bench/orm", insert))
        _orm.append(get_asgi_application())
    return _orm[0]


if __name__ == "__main__":
    serve()
