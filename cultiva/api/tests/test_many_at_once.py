"""Several web processes and impatient senders: one effect, one allowance."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from django.db import close_old_connections, connection

from cultiva.api.tests.conftest import Program
from cultiva.consent.tests.committed import committed_workspace
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any, at: datetime) -> Iterator[Any]:
    with django_db_blocker.unblock(), committed_workspace(at) as workspace:
        yield workspace
        connection.close()


def at_once(count: int, do: Callable[[int], Any]) -> list[Any]:
    def done(number: int) -> Any:
        try:
            return do(number)
        finally:
            close_old_connections()
            connection.close()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(done, range(count)))


def test_a_request_sent_by_many_at_once_has_one_effect(committed: Any, programs: Callable[..., Program]) -> None:
    program = programs(committed)
    body = {"phone": "+34600111222", "attributes": {"city": "Jaén"}}
    answers = at_once(8, lambda _: program.ask("POST", "/leads", body, Idempotency_Key="same"))
    assert {status for status, _ in answers} == {201}
    assert len({str(told) for _, told in answers}) == 1
    with workspace_scope(committed.id):
        (lead,) = Lead.objects.filter(workspace_id=committed.id)
        events = program.get(f"/leads/{lead.id}/events")["data"]
    assert [event["kind"] for event in events] == ["identify"]


def test_an_allowance_is_shared_by_all_who_answer(committed: Any, programs: Callable[..., Program]) -> None:
    program = programs(committed, requests_per_minute=10)
    statuses = [status for status, _ in at_once(24, lambda _: program.ask("GET", "/"))]
    assert 10 <= statuses.count(200) <= 11  # one more where the test itself took six seconds
    assert statuses.count(429) == 24 - statuses.count(200)


def test_a_company_made_by_many_at_once_is_one(committed: Any, programs: Callable[..., Program]) -> None:
    program = programs(committed)
    answers = at_once(6, lambda _: program.ask("POST", "/companies", {"domain": "huertos.example"}))
    assert sorted(status for status, _ in answers) == [200, 200, 200, 200, 200, 201]
    assert len({told["id"] for _, told in answers}) == 1
