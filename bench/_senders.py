"""Sites that send events to the running product at a steady rate: batches of 10 over a few connections."""

import http.client
import itertools
import json
import random
import threading
import time
from base64 import b64encode

from tests.product import Product

CONNECTIONS = 4
BATCH = 10
STRANGERS = 0.3  # share of events by visitors who are no lead


class Senders:
    """`with Senders(product, per_second=1000) as senders:`; the visitors of `leads` leads, and strangers."""

    def __init__(self, product: Product, *, per_second: int, leads: int = 300) -> None:
        self.product, self.per_second = product, per_second
        made = product.command(
            "source", "create", "--workspace", "riega", "--key", "bench", "--name", "Bench", "--json"
        )
        self.source = json.loads(made)
        key = b64encode(f"{self.source['write_key']}:".encode()).decode()
        self.headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
        self.numbers = itertools.count()
        self.sent = self.refused = 0
        self.lock, self.must_stop = threading.Lock(), threading.Event()
        self.emails = [
            row[0] for row in product.query(f"SELECT email FROM lead WHERE email <> '' ORDER BY id LIMIT {leads}")
        ]
        self._introduce()

    def _introduce(self) -> None:
        """The visitors say who they are."""
        connection = self._connect()
        events: list[dict[str, object]] = [
            {"type": "identify", "anonymousId": f"bench-{n}", "messageId": f"who-{n}", "traits": {"email": email}}
            for n, email in enumerate(self.emails)
        ]
        for first in range(0, len(events), 50):
            self._post(connection, events[first : first + 50])

    def __enter__(self) -> "Senders":
        self.threads = [threading.Thread(target=self._send, args=(n,)) for n in range(CONNECTIONS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.must_stop.set()
        for thread in self.threads:
            thread.join()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.product.port, timeout=30)

    def _send(self, number: int) -> None:
        connection, chance = self._connect(), random.Random(number)
        every = BATCH * CONNECTIONS / self.per_second
        due = time.monotonic() + every * number / CONNECTIONS
        while not self.must_stop.wait(max(0.0, due - time.monotonic())):
            due += every
            self._post(connection, [self._event(chance) for _ in range(BATCH)])

    def _event(self, chance: random.Random) -> dict[str, object]:
        n = next(self.numbers)
        is_stranger = chance.random() < STRANGERS
        who = f"stranger-{chance.randrange(100_000)}" if is_stranger else f"bench-{chance.randrange(len(self.emails))}"
        common = {"anonymousId": who, "messageId": f"m-{n}"}
        if chance.random() < 0.8:
            path = chance.choice(["/precios", "/", "/blog/riego", "/casos", "/contacto"])
            return {**common, "type": "page", "properties": {"path": path, "title": "Riego", "n": n}}
        return {
            **common,
            "type": "track",
            "event": chance.choice(["video", "search"]),
            "properties": {"seconds": n % 90},
        }

    def _post(self, connection: http.client.HTTPConnection, events: list[dict[str, object]]) -> None:
        try:
            connection.request("POST", "/v1/batch", json.dumps({"batch": events}), self.headers)
            answer = connection.getresponse()
            answer.read()
            is_taken = answer.status == 200
        except (OSError, http.client.HTTPException):
            connection.close()
            is_taken = False
        with self.lock:
            self.sent += len(events) if is_taken else 0
            self.refused += 0 if is_taken else len(events)
