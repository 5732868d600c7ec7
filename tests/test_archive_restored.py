"""The ledger lost and brought back from the archive: nobody can tell the difference."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from cultiva.consent.tests.committed import as_owner, committed_workspace
from cultiva.demo.filling import DEMO_FOLDER
from cultiva.documents.applying import apply_folder
from cultiva.events.actions import NewEvent, record_events, visitor_of
from cultiva.events.archive import archive_closed, ledger, restore
from cultiva.leads.actions import link_visitor, save_lead
from cultiva.leads.commerce import recount
from cultiva.leads.models import Conversion, Lead
from cultiva.lib.database import execute, fetch_all, workspace_scope
from cultiva.scoring.actions import explain, primary_model
from cultiva.web.timeline import lead_timeline

AT = datetime(2019, 3, 1, 2, 0, tzinfo=UTC)  # two hours after a month's end: its keys are not forgotten
MONTHS = ("2018_12", "2019_01", "2019_02")


def acts(workspace_id: int) -> list[NewEvent]:
    """Three months of a visitor: pages, clicks, and an order partly given back."""
    visitor = visitor_of(workspace_id=workspace_id, source_id=9, anonymous_id="a")
    events: list[tuple[str, str, int, dict[str, Any]]] = []
    for number in range(60):
        path = ("/precios", "/productos/p8", "/casos")[number % 3]
        events.append(("page", "page", number, {"path": path}))
    events += [("track", "quote_requested", 50, {}), ("track", "Order Refunded", 55, {"order_id": "7", "total": 20})]
    events += [("track", "Order Completed", 52, {"order_id": "7", "total": 120, "currency": "EUR"})]
    return [
        NewEvent(
            kind=kind, name=name, message_id=f"{name}:{number}", source_id=9, visitor=visitor, properties=properties,
            occurred_at=AT - timedelta(days=70 - number, minutes=3),
        )
        for kind, name, number, properties in events
    ]  # fmt: skip


def seen(workspace_id: int, lead: Lead) -> dict[str, Any]:
    """Everything that screens and rules make of the ledger."""
    with workspace_scope(workspace_id):
        model = primary_model(workspace_id)
        assert model is not None
        recount(workspace_id=workspace_id, lead_ids=[lead.id])
        return {
            "rows": fetch_all("SELECT * FROM event WHERE workspace_id = %s ORDER BY id", [workspace_id]),
            "timeline": lead_timeline(workspace_id=workspace_id, lead_id=lead.id, at=AT, words={}, limit=500),
            "score": explain(workspace_id=workspace_id, lead_id=lead.id, model=model, at=AT),
            "bought": list(Conversion.objects.filter(workspace_id=workspace_id).order_by("key").values()),
        }


@pytest.fixture
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, data_folder=tmp_path))


@pytest.mark.usefixtures("_files", "django_db_setup")
def test_a_ledger_lost_and_restored_is_the_same(django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), committed_workspace(AT - timedelta(days=90)) as workspace:
        with workspace_scope(workspace.id):
            apply_folder(workspace_id=workspace.id, folder=DEMO_FOLDER, by="cli", at=AT - timedelta(days=90))
            lead, _ = save_lead(
                workspace_id=workspace.id, email="ana@x.example", attributes={"job_title": "gerente"}, language="es",
                source_kind="form", at=AT - timedelta(days=70),
            )  # fmt: skip
            execute(
                "INSERT INTO consent_mark (workspace_id, lead_id, valid_since, profiled_since) VALUES (%s, %s, %s, %s)",
                [workspace.id, lead.id, AT - timedelta(days=70), AT - timedelta(days=70)],
            )
            visitor = visitor_of(workspace_id=workspace.id, source_id=9, anonymous_id="a")
            link_visitor(workspace_id=workspace.id, visitor=visitor, lead_id=lead.id, at=AT)
            record_events(workspace_id=workspace.id, events=acts(workspace.id), received_at=None)
        before = seen(workspace.id, lead)
        assert before["score"] is not None
        assert before["score"].shown_total > 0
        assert len(before["timeline"]) > 60
        archive_closed(workspace_id=workspace.id, at=AT)

        with as_owner() as owner:
            for month in MONTHS:
                owner.execute(f"DROP TABLE event_{month}")
            owner.execute("DELETE FROM event_key WHERE workspace_id = %s", [workspace.id])
        with workspace_scope(workspace.id):
            assert not fetch_all("SELECT 1 FROM event WHERE workspace_id = %s", [workspace.id])
        with ledger(workspace_id=workspace.id, since=AT - timedelta(days=200), until=AT) as engine:
            assert engine.sql("SELECT count(*) FROM ledger").fetchall() == [(len(before["rows"]),)]

        assert len(restore(workspace_id=workspace.id, at=AT)) == 3
        assert seen(workspace.id, lead) == before
        with workspace_scope(workspace.id):
            last = fetch_all("SELECT nextval('event_id_seq') AS id")[0]["id"]
            assert last > max(row["id"] for row in before["rows"])
        connection.close()


@pytest.mark.usefixtures("_files", "django_db_setup")
def test_a_message_of_the_last_days_is_known_after_a_restore(django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), committed_workspace(AT) as workspace:
        late = NewEvent(kind="page", message_id="late", occurred_at=AT - timedelta(days=3), source_id=9)
        with workspace_scope(workspace.id):
            assert len(record_events(workspace_id=workspace.id, events=[late], received_at=None)) == 1
        archive_closed(workspace_id=workspace.id, at=AT)
        with as_owner() as owner:
            owner.execute("DROP TABLE event_2019_02")
            owner.execute("DELETE FROM event_key WHERE workspace_id = %s", [workspace.id])
        restore(workspace_id=workspace.id, at=AT)
        with workspace_scope(workspace.id):
            assert record_events(workspace_id=workspace.id, events=[late], received_at=None) == []
            assert len(fetch_all("SELECT 1 FROM event WHERE workspace_id = %s", [workspace.id])) == 1
        connection.close()
