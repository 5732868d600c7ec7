"""The collector while everything around it dies: nothing acknowledged is lost, nothing is stored twice."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest

from tests.product import ROOT, Product, free_port, open_folder

SENDERS, BATCHES, BATCH, REPLAYS = 4, 12, 20, 11


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with open_folder() as folder, Product(folder, COLLECTOR_PORT=str(free_port())) as running:
        yield running


@pytest.fixture(scope="module")
def write_key(product: Product) -> str:
    words = ("--workspace", "riega", "--key", "survivor", "--name", "Survivor", "--kind", "server", "--json")
    return str(json.loads(product.command("source", "create", *words))["write_key"])


def send(product: Product, body: bytes, *, port: int = 0, timeout: float = 15) -> int:
    """The answer's status; 0 where none came."""
    address = f"http://127.0.0.1:{port or product.environ['COLLECTOR_PORT']}/v1/batch"
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data=body), timeout=timeout) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, http.client.HTTPException):
        return 0


def body_of(write_key: str, name: str, number: int) -> bytes:
    items = [
        {"type": "track", "event": name, "userId": f"u-{n % 7}", "messageId": f"{name}-{number}-{n}"}
        for n in range(BATCH)
    ]
    return json.dumps({"writeKey": write_key, "batch": items}).encode()


def stored(owner_url: str, name: str) -> int:
    """How many events have this name; -1 while the database does not answer."""
    try:
        with psycopg.connect(owner_url, connect_timeout=5) as connection:
            found = connection.execute("SELECT count(*) FROM event WHERE name = %s", [name]).fetchone()
    except psycopg.OperationalError:
        return -1
    return int(found[0]) if found else 0


@contextmanager
def second_collector(product: Product, database_url: str) -> Iterator[int]:
    """Another collector on the same data folder, as on a server of one's own: it only knows the database's address."""
    port = free_port()
    environ = {**product.environ, "COLLECTOR_PORT": str(port), "DATABASE_URL": database_url}
    process = subprocess.Popen([sys.executable, "-m", "cultiva", "collector"], cwd=ROOT, env=environ)
    try:
        product.wait_for(partial(answers, port), 60)
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_what_comes_while_the_database_is_away_waits_on_disk_and_then_arrives(product: Product, write_key: str) -> None:
    owner_url, app_url = product.owner_url, product.app_url
    spool = Path(product.environ["CULTIVA_DATA"]) / "spool"
    assert send(product, body_of(write_key, "before", 0)) == 200
    postmaster = product.pids("postgres")[0]
    stopped = [postmaster, *children(postmaster)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.time()
        assert [send(product, body_of(write_key, "away", number)) for number in range(10)] == [200] * 10
        assert list(spool.glob("*/*.segment"))
        # One that starts meanwhile knows its senders from the file, and is killed with what it took.
        with second_collector(product, app_url) as port:
            assert [send(product, body_of(write_key, "away", 10 + n), port=port) for n in range(5)] == [200] * 5
            assert send(product, body_of("sk_nobody_has_this", "away", 99), port=port) == 503
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    product.wait_for(lambda: stored(owner_url, "away") == 15 * BATCH, 90)
    product.wait_for(lambda: not list(spool.glob("*/*.segment")), 30)
    with psycopg.connect(owner_url) as connection:
        received = connection.execute("SELECT min(received_at) FROM event WHERE name = 'away'").fetchone()
    assert received
    assert abs(received[0].timestamp() - began) < 10


def answers(port: int) -> bool:
    """Whether somebody listens; a call that is not there costs no database."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/nothing", data=b"{}", timeout=2)
    except urllib.error.HTTPError as error:
        return error.code == 404
    except OSError:
        return False
    return False


def children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent:
                found.append(int(entry.name))
    return found


@pytest.mark.slow
def test_eleven_replays_of_every_batch_and_kill_nine_everywhere_change_no_count(
    product: Product, write_key: str
) -> None:
    owner_url = product.owner_url
    answered: list[tuple[int, int]] = []
    killed: Counter[str] = Counter()
    is_over = threading.Event()

    def sender(number: int) -> None:
        for replay in range(REPLAYS):
            for each in range(BATCHES):
                body = body_of(write_key, f"replayed-{number}", each)
                while send(product, body) != 200:
                    time.sleep(0.2)
                answered.append((replay, each))
                time.sleep(0.1)

    def killer() -> None:
        chance = random.Random(7)
        while not is_over.wait(chance.uniform(1, 2.5)):
            victim = chance.choice(["collector", "worker", "postgres"])
            for pid in product.pids(victim):
                killed[victim] += 1
                os.kill(pid, signal.SIGKILL)

    senders = [threading.Thread(target=sender, args=(number,)) for number in range(SENDERS)]
    death = threading.Thread(target=killer)
    for each in [*senders, death]:
        each.start()
    for each in senders:
        each.join()
    is_over.set()
    death.join()
    assert len(answered) == SENDERS * BATCHES * REPLAYS
    assert min(killed[victim] for victim in ("collector", "worker", "postgres")) > 0, killed
    assert killed.total() > 4
    spool = Path(product.environ["CULTIVA_DATA"]) / "spool"
    product.wait_for(lambda: product.pids("postgres"), 60)
    product.wait_for(lambda: not list(spool.glob("*/*.segment")), 90)
    for number in range(SENDERS):
        assert stored(owner_url, f"replayed-{number}") == BATCHES * BATCH
