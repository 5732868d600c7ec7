"""The collector while everything around it dies: nothing acknowledged is lost, nothing is stored twice."""

import json
import os
import random
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.product import Product, free_port, open_folder

SENDERS, BATCHES, BATCH, REPLAYS = 4, 12, 20, 11


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with open_folder() as folder, Product(folder, COLLECTOR_PORT=str(free_port())) as running:
        yield running


@pytest.fixture(scope="module")
def write_key(product: Product) -> str:
    words = ("--workspace", "riega", "--key", "survivor", "--name", "Survivor", "--kind", "server", "--json")
    return str(json.loads(product.command("source", "create", *words))["write_key"])


def address(product: Product) -> str:
    return f"http://127.0.0.1:{product.environ['COLLECTOR_PORT']}/v1/batch"


def send(product: Product, body: bytes, timeout: float = 15) -> int:
    """The answer's status; 0 where none came."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address(product), data=body), timeout=timeout) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def body_of(write_key: str, name: str, number: int) -> bytes:
    items = [
        {"type": "track", "event": name, "userId": f"u-{n % 7}", "messageId": f"{name}-{number}-{n}"}
        for n in range(BATCH)
    ]
    return json.dumps({"writeKey": write_key, "batch": items}).encode()


def stored(product: Product, owner_url: str, name: str) -> int:
    import psycopg

    with psycopg.connect(owner_url) as connection:
        found = connection.execute("SELECT count(*), count(*) FROM event WHERE name = %s", [name]).fetchone()
    assert found
    return int(found[0])


def test_what_comes_while_the_database_is_away_waits_on_disk_and_then_arrives(product: Product, write_key: str) -> None:
    owner_url = product.owner_url
    spool = Path(product.environ["CULTIVA_DATA"]) / "spool"
    assert send(product, body_of(write_key, "before", 0)) == 200
    postmaster = product.pids("postgres")[0]
    os.kill(postmaster, signal.SIGSTOP)
    backends = children(postmaster)
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.time()
        answers = [send(product, body_of(write_key, "away", number)) for number in range(10)]
        assert answers == [200] * 10
        assert list(spool.glob("*/*.segment"))
        for pid in product.pids("collector"):  # the one who took them dies; the next finds them and knows the key
            os.kill(pid, signal.SIGKILL)
        product.wait_for(partial(answers_again, product), 60)
        assert send(product, body_of(write_key, "away", 10)) == 200
    finally:
        for pid in [postmaster, *backends]:
            os.kill(pid, signal.SIGCONT)
    product.wait_for(lambda: stored(product, owner_url, "away") == 11 * BATCH, 60)
    product.wait_for(lambda: not list(spool.glob("*/*.segment")), 30)
    import psycopg

    with psycopg.connect(owner_url) as connection:
        received = connection.execute("SELECT min(received_at) FROM event WHERE name = 'away'").fetchone()
    assert received
    assert abs(received[0].timestamp() - began) < 30


def answers_again(product: Product) -> bool:
    """Whether somebody listens; a call that is not there costs no database."""
    try:
        urllib.request.urlopen(address(product).replace("batch", "nothing"), data=b"{}", timeout=2)
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
    is_over = threading.Event()

    def sender(number: int) -> None:
        for replay in range(REPLAYS):
            for each in range(BATCHES):
                body = body_of(write_key, f"replayed-{number}", each)
                while send(product, body) != 200:
                    time.sleep(0.2)
                answered.append((replay, each))
                time.sleep(0.02)

    def killer() -> None:
        chance = random.Random(7)
        while not is_over.wait(chance.uniform(1.5, 4)):
            for pid in product.pids(chance.choice(["collector", "worker", "postgres"])):
                os.kill(pid, signal.SIGKILL)

    senders = [threading.Thread(target=sender, args=(number,)) for number in range(SENDERS)]
    death: Any = threading.Thread(target=killer)
    for each in [*senders, death]:
        each.start()
    for each in senders:
        each.join()
    is_over.set()
    death.join()
    assert len(answered) == SENDERS * BATCHES * REPLAYS
    spool = Path(product.environ["CULTIVA_DATA"]) / "spool"
    product.wait_for(lambda: product.pids("postgres"), 60)
    product.wait_for(lambda: not list(spool.glob("*/*.segment")), 90)
    for number in range(SENDERS):
        assert stored(product, owner_url, f"replayed-{number}") == BATCHES * BATCH
