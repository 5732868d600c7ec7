"""kill -9 in the middle of submits: nothing acknowledged is lost, and nobody gets a mail twice."""

import os
import re
import signal
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from tests.product import Product, open_folder
from tests.smtp_sink import Sink, links_of, smtp_sink

PATIENCE_SECONDS = 180  # a dead sender's lease is two minutes


@pytest.fixture
def running() -> Iterator[tuple[Product, Sink]]:
    """The demo with a few leads: those that matter here are still to come."""
    with open_folder() as folder, smtp_sink() as (sink, smtp_url):
        product = Product(folder, SMTP_URL=smtp_url)
        product.command("migrate")
        product.command("demo", "--leads", "60")
        with product:
            yield product, sink


class Visitors:
    """People who send the form one after the other and remember who was thanked."""

    def __init__(self, product: Product, sink: Sink) -> None:
        self.product, self.sink = product, sink
        self.thanked, self.must_stop = [], threading.Event()
        self.sent = 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.send_forms, args=(n,)) for n in range(3)]
        self.threads.append(threading.Thread(target=self.confirm_addresses))

    def send_forms(self, number: int) -> None:
        form = f"{self.product.url}/f/riega/guia-riego?lang=es"
        count = 0
        while not self.must_stop.is_set():
            count += 1
            email = f"visita-{number}-{count}@campo.example"
            try:
                page = urllib.request.urlopen(form, timeout=5).read().decode()
                hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
                time.sleep(2.05)  # people take longer than two seconds
                with self.lock:
                    self.sent += 1
                answer = urllib.request.urlopen(form, data=answers(email, hidden), timeout=10)
                if answer.status == 200:
                    with self.lock:
                        self.thanked.append(email)
            except (OSError, urllib.error.HTTPError, ConnectionError):
                time.sleep(0.3)

    def confirm_addresses(self) -> None:
        """Press the button of each confirmation mail, so that the workflow's mail goes out as well."""
        done: set[str] = set()
        while not self.must_stop.is_set():
            links = {link for _to, mail in list(self.sink.mails) for link in links_of(mail) if "/c/confirm/" in link}
            for link in links - done:
                try:
                    urllib.request.urlopen(link, data=b"", timeout=5)
                    done.add(link)
                except OSError:
                    time.sleep(0.3)
            time.sleep(0.2)

    def __enter__(self) -> "Visitors":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.must_stop.set()
        for thread in self.threads:
            thread.join()

    thanked: list[str]

    def have_thanks(self, more_than: int) -> bool:
        return len(self.thanked) > more_than


def answers(email: str, hidden: dict[str, str]) -> bytes:
    given = {
        **hidden, "first_name": "Visita", "last_name": "Del Campo", "email": email, "company": "Campo SL",
        "job_title": "director", "employees": "50-249", "policy-accepted": "on", "purpose-marketing": "on",
    }  # fmt: skip
    return urllib.parse.urlencode(given).encode()


@pytest.mark.slow
def test_kill_nine_loses_nothing_and_sends_nothing_twice(running: tuple[Product, Sink]) -> None:
    product, sink = running
    owner_url = product.owner_url
    assert owner_url
    with Visitors(product, sink) as visitors:
        for victim in ("worker", "web", "postgres", "worker", "web"):
            product.wait_for(partial(product.pids, victim), 60)
            before = len(visitors.thanked)
            product.wait_for(partial(visitors.have_thanks, before + 3), PATIENCE_SECONDS)
            for pid in product.pids(victim):
                os.kill(pid, signal.SIGKILL)
    thanked = set(visitors.thanked)
    assert len(thanked) > 15

    stored = {row[0] for row in product.query("SELECT email FROM lead WHERE email LIKE 'visita-%@campo.example'")}
    assert not thanked - stored, "acknowledged and lost"
    proofs = (
        "SELECT count(DISTINCT lead_id) FROM consent_evidence e JOIN lead l ON l.id = e.lead_id"
        " WHERE l.email LIKE 'visita-%'"
    )
    assert product.query(proofs)[0][0] == len(stored)

    product.wait_for(lambda: thanked <= {address for address, _mail in sink.mails}, PATIENCE_SECONDS)
    events = "SELECT (SELECT count(*) FROM event_inbox) + (SELECT count(*) FROM lead_inbox)"
    product.wait_for(lambda: product.query(events)[0][0] == 0, PATIENCE_SECONDS)
    assert product.query("SELECT count(*) FROM flow_failure") == [(0,)]  # a killed database is nobody's fault
    waiting = (
        "SELECT count(*) FROM outbox WHERE state IN ('ready', 'retry', 'claimed', 'sending') AND not_before < now()"
    )
    product.wait_for(lambda: product.query(waiting)[0][0] == 0, PATIENCE_SECONDS)
    seen = Counter(str(mail["Message-ID"]) for _address, mail in sink.mails)
    # A transactional mail whose sender died between the server's 250 and our commit goes out again under the same
    # Message-ID, which receivers drop; mails of a purpose never do.
    marketing = Counter(str(m["Message-ID"]) for _a, m in sink.mails if m["List-Unsubscribe"])
    assert len(marketing) > 10
    assert all(count == 1 for count in marketing.values())
    causes = product.query("SELECT count(*) FROM outbox GROUP BY cause_kind, cause_id, lead_id, user_id")
    assert all(count == 1 for (count,) in causes)
    scored = (
        "SELECT count(*) FROM lead l JOIN lead_state s ON s.lead_id = l.id"
        " WHERE l.email LIKE 'visita-%' AND s.score IS NULL"
    )
    assert product.query(scored)[0][0] == 0
    assert len(seen) >= 2 * len(thanked)
