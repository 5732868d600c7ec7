import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from cultiva.capture.guarding import LIMITS
from cultiva.capture.models import FormVersion
from cultiva.capture.tests.documents import publish_all

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
ANSWERS = {"first_name": "Ana", "email": "ana@example.com", "company": "Sol", "crop": "olive", "policy-accepted": "on"}


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    """What one test sent does not count for the next."""
    LIMITS.sent.clear()


@pytest.fixture
def form(huerta: Any, at: datetime) -> FormVersion:
    return publish_all(huerta.id, at)


@pytest.fixture
def client() -> Client:
    return Client(headers={"user-agent": BROWSER}, raise_request_exception=True)


@dataclass
class Watch:
    """The doors' clock, set by the test."""

    now: datetime

    def pass_time(self, **of: float) -> None:
        self.now += timedelta(**of)


@pytest.fixture
def watch(at: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    watch = Watch(at)
    monkeypatch.setattr("cultiva.lib.clock.now", lambda: watch.now)
    with translation.override("en"):
        yield watch


@dataclass
class Visitor:
    """Somebody with a browser: opens the form, fills it in, sends it."""

    client: Client
    watch: Watch
    path: str = "/f/huerta/guia"
    hidden: dict[str, str] = field(default_factory=dict)

    def open(self, query: str = "", **headers: str) -> Any:
        response = self.client.get(self.path + query, headers=headers)
        self.hidden = hidden_fields(response.content.decode())
        return response

    def send(self, query: str = "", **answers: str | None) -> Any:
        """Open the form, wait half a minute, send it; an answer of None leaves the field out."""
        self.open(query)
        return self.send_again(query, **answers)

    def send_again(self, query: str = "", **answers: str | None) -> Any:
        self.watch.pass_time(seconds=30)
        given = {name.replace("__", "-"): value for name, value in answers.items()}
        data = {**ANSWERS, **self.hidden, **given}
        return self.client.post(self.path + query, {name: value for name, value in data.items() if value is not None})


@pytest.fixture
def visitor(client: Client, watch: Watch, form: FormVersion) -> Visitor:
    return Visitor(client, watch)


def hidden_fields(html: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html)
    return {name: unescape(value) for name, value in found}
