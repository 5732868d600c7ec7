"""Form submits: lead, proof of consent, magnet and events in one durable transaction, beside one bare ORM insert a
request in the same server (budget: at least 0.3 of its rate); and how long people wait at 50 a second (p95 < 60 ms)."""

import http.client
import os
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from bench import Result
from tests.product import ROOT, Product, free_port, open_folder

LEAST_RATIO = 0.3
PACE, MOST_MS = 50, 60
SECONDS = 6
CLIENTS = 8
ROUNDS = 3
TOKENS = 15_000


def measure() -> list[Result]:
    with open_folder() as folder, Product(folder) as product:
        return compare(product)


def compare(product: Product) -> list[Result]:
    """The product's web process and the baseline take turns, so that both see the same machine."""
    port, environ = free_port(), {**product.environ, "PORT": "0", "FORM_LIMIT": "0"}
    environ["PORT"] = str(port)
    server = subprocess.Popen([sys.executable, "-m", "bench.form_submits", "serve"], cwd=ROOT, env=environ)
    try:
        workspace, tokens = prepare(product)
        wait_until_open(port)
        paced(port, tokens, seconds=2)  # the first ones of a new process compile and connect
        waited = paced(port, tokens, seconds=SECONDS)  # before the rates, which leave thousands for the workers to do
        rates: dict[str, list[float]] = {"insert": [], "submit": []}
        for _round in range(ROUNDS):
            rates["insert"].append(rate(port, "/bench/insert", lambda n: {"workspace": workspace, "email": f"b{n}"}))
            rates["submit"].append(rate(port, "/f/riega/guia-riego", lambda _n: {**FORM, "form-token": tokens.pop()}))
    finally:
        server.terminate()
        server.wait()
    insert, submit = (sorted(each)[ROUNDS // 2] for each in rates.values())
    ratio = submit / insert
    shown = f"{ratio:.2f} ({submit:.0f}/s of {insert:.0f}/s)"
    return [
        Result("form submit with proof, beside a bare insert", shown, f">= {LEAST_RATIO}", ratio >= LEAST_RATIO),
        Result(f"form submit at {PACE} a second, p95", f"{waited:.0f} ms", f"< {MOST_MS} ms", waited < MOST_MS),
    ]


FORM = {
    "first_name": "Marta", "last_name": "Gil", "company": "Huertos Gil", "job_title": "director",
    "employees": "50-249", "policy-accepted": "on", "purpose-marketing": "on",
}  # fmt: skip
_count = iter(range(10**9))


def prepare(product: Product) -> tuple[str, list[str]]:
    """The workspace's id, and tokens of forms that were shown a while ago."""
    words = [sys.executable, "-m", "bench.form_submits", "tokens"]
    printed = subprocess.run(
        words, cwd=ROOT, env=product.environ, capture_output=True, text=True, check=True
    ).stdout.split()
    return printed[0], printed[1:]


def wait_until_open(port: int) -> None:
    for _try in range(200):
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=2).connect()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server for the comparison did not open")


def rate(port: int, path: str, form: Callable[[int], dict[str, str]]) -> float:
    """Requests answered a second by so many clients at once."""
    answered, end = [0] * CLIENTS, time.monotonic() + SECONDS

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        while time.monotonic() < end:
            n = next(_count)
            body = urllib.parse.urlencode({"email": f"p{n}@banco.example", **form(n)})
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status in (200, 303), answer.status
            answered[number] += 1

    threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(answered) / SECONDS


def paced(port: int, tokens: list[str], *, seconds: int) -> float:
    """Milliseconds that 95 of 100 wait at most, when so many come each second, whether or not others are done."""
    waits: list[float] = []

    def send(due: float) -> None:
        body = urllib.parse.urlencode({"email": f"p{next(_count)}@banco.example", **FORM, "form-token": tokens.pop()})
        time.sleep(max(0.0, due - time.monotonic()))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", "/f/riega/guia-riego", body, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == 303, answer.status
        waits.append((time.monotonic() - due) * 1000)

    begin = time.monotonic() + 0.5
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(send, [begin + n / PACE for n in range(PACE * seconds)]))
    return sorted(waits)[int(len(waits) * 0.95)]


def serve() -> None:
    """The product's own application with one more address: the bare insert."""
    from cultiva.cli.environment import product
    from cultiva.cli.processes import serve as serve_application

    with product() as config:
        from django.http import HttpRequest, HttpResponse
        from django.urls import path
        from django.views.decorators.csrf import csrf_exempt

        from cultiva import urls
        from cultiva.leads.models import Lead
        from cultiva.lib import clock
        from cultiva.lib.database import workspace_scope

        @csrf_exempt
        def insert(request: HttpRequest) -> HttpResponse:
            with workspace_scope(int(request.POST["workspace"])):
                Lead.objects.create(
                    workspace_id=int(request.POST["workspace"]), email=request.POST["email"], source_kind="bench",
                    created_at=clock.now(),
                )  # fmt: skip
            return HttpResponse("ok")

        patterns: list[Any] = urls.urlpatterns
        patterns.insert(0, path("bench/insert", insert))
        os.environ.pop("CULTIVA_SUPERVISOR_FD", None)
        serve_application("cultiva.asgi:application", config, config.port)


def print_tokens() -> None:
    from cultiva.cli.environment import product

    with product():
        from cultiva.accounts.actions import find_workspace
        from cultiva.capture.forms import make_token, show_form
        from cultiva.lib import clock
        from cultiva.lib.database import workspace_scope

        workspace = find_workspace("riega")
        assert workspace is not None
        with workspace_scope(workspace.id):
            at = clock.now() - timedelta(minutes=1)
            shown = show_form(workspace_id=workspace.id, key="guia-riego", languages=["es"], at=at)
            assert shown is not None
            print(workspace.id)
            for _token in range(TOKENS):
                print(make_token(shown.form, shown.policy, shown.purposes, "es", at))


if __name__ == "__main__":
    {"serve": serve, "tokens": print_tokens}[sys.argv[1]]()
