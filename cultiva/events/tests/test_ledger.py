"""The ledger: once, immutable, taken from the inbox without loss."""

import threading
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from cultiva.accounts.actions import create_workspace
from cultiva.events.actions import NewEvent, claim_new_events, forget_message_keys, record_events, visitor_of
from cultiva.lib.database import fetch_all, workspace_scope


def event(at: datetime, message: str = "1", **more: Any) -> NewEvent:
    return NewEvent(kind="page", message_id=message, occurred_at=at, **more)


def test_a_message_is_stored_once(huerta: Any, at: datetime) -> None:
    for _try in range(3):
        record_events(workspace_id=huerta.id, received_at=at, events=[event(at), event(at, "2")])
    assert fetch_all("SELECT count(*) AS n FROM event")[0]["n"] == 2
    assert len(claim_new_events(workspace_id=huerta.id, limit=10)) == 2
    assert claim_new_events(workspace_id=huerta.id, limit=10) == []


def test_a_retry_beside_its_original_is_one_fact(huerta: Any, at: datetime) -> None:
    assert len(record_events(workspace_id=huerta.id, received_at=at, events=[event(at), event(at)])) == 1
    assert len(claim_new_events(workspace_id=huerta.id, limit=10)) == 1


def test_the_same_message_of_two_sources_is_two_facts(huerta: Any, at: datetime) -> None:
    stored = record_events(
        workspace_id=huerta.id, received_at=at, events=[event(at, source_id=1), event(at, source_id=2)]
    )
    assert len(stored) == 2


def test_a_clock_that_runs_ahead_is_set_right_and_flagged(huerta: Any, at: datetime) -> None:
    near, far = at + timedelta(seconds=50), at + timedelta(hours=2)
    stored = record_events(workspace_id=huerta.id, received_at=at, events=[event(near), event(far, "2")])
    assert sorted(e.occurred_at for e in stored) == [at, near]
    flags = fetch_all("SELECT context ->> 'clock' AS flag FROM event ORDER BY occurred_at")
    assert [row["flag"] for row in flags] == ["ahead", None]


def test_history_keeps_its_times_and_finds_its_month(huerta: Any, at: datetime) -> None:
    old = at - timedelta(days=400)
    stored = record_events(workspace_id=huerta.id, received_at=None, events=[event(old)])
    assert stored[0].occurred_at == old
    assert fetch_all("SELECT tableoid::regclass::text AS t FROM event")[0]["t"] == f"event_{old:%Y_%m}"


def test_keys_are_forgotten_after_their_time(huerta: Any, at: datetime) -> None:
    record_events(workspace_id=huerta.id, received_at=at, events=[event(at)])
    assert forget_message_keys(workspace_id=huerta.id, before=at) == 0
    assert forget_message_keys(workspace_id=huerta.id, before=at + timedelta(seconds=1)) == 1


def test_a_visitor_is_a_pure_function_of_its_ids() -> None:
    one = visitor_of(workspace_id=1, source_id=1, user_id="7")
    assert one == visitor_of(workspace_id=1, source_id=2, user_id="7", anonymous_id="x")
    assert one != visitor_of(workspace_id=2, source_id=1, user_id="7")
    assert visitor_of(workspace_id=1, source_id=1, anonymous_id="x") != visitor_of(
        workspace_id=1, source_id=2, anonymous_id="x"
    )


def test_concurrent_writers_and_readers_lose_and_double_nothing(
    django_db_blocker: Any, django_db_setup: None, at: datetime
) -> None:
    """Rows commit out of order; a cursor over ids would skip some of them."""
    with django_db_blocker.unblock():
        workspace = create_workspace(slug=f"ledger-{threading.get_ident()}", name="Ledger", at=at)
        taken: list[int] = []
        written = threading.Event()

        def write(writer: int) -> None:
            for n in range(40):
                with workspace_scope(workspace.id):
                    record_events(workspace_id=workspace.id, received_at=at, events=[event(at, f"{writer}-{n}")])
            connection.close()

        def read() -> None:
            is_last = False
            while not is_last:
                is_last = written.is_set()
                with workspace_scope(workspace.id):
                    new = claim_new_events(workspace_id=workspace.id, limit=7)
                    taken.extend(e.id for e in new)
                is_last = is_last and not new
            connection.close()

        writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        readers = [threading.Thread(target=read) for _n in range(2)]
        for each in writers + readers:
            each.start()
        for each in writers:
            each.join()
        written.set()
        for each in readers:
            each.join()
        connection.close()
    assert len(taken) == len(set(taken)) == 160
