"""Row-level security: a query without a workspace sees nothing, and nothing refers into another one."""

from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import ProgrammingError

from cultiva.events.actions import NewEvent, record_events
from cultiva.lib.database import execute, fetch_all, workspace_scope

# Tables outside every workspace; each is named here on purpose.
GLOBAL = {
    "staff_user", "sign_in_link", "sign_in_attempt", "clock_offset", "periodic_run",
    "flow_timing",
    "auth_group", "auth_group_permissions", "auth_permission", "django_content_type", "django_migrations",
    "django_session",
}  # fmt: skip
# By name these hold a lead, but the ledger knows leads only as ids, and views have no constraints.
VIEWS = ("event", "lead_event", "lasting_stage_change")
# Rows that come by the million in one statement, which reads the leads anyway: no reference is checked row by row.
UNCHECKED = ("segment_known", "segment_mark", "segment_member", "segment_wake")
# Functions that see across workspaces; each is named here on purpose.
DEFINERS = {
    "analyze_history", "analyze_segments", "api_key_use", "company_search", "erase_events",
    "erase_stage_changes", "event_begin_beyond",
    "event_make_partition", "event_source_by_key", "flow_backlog", "flow_waiting", "group_events", "lead_search",
    "lead_search_some", "workspace_by_slug", "workspace_create", "workspace_ids", "workspaces_of_user",
}  # fmt: skip

TABLES = """
SELECT c.relname AS name, c.relrowsecurity AS is_secured, c.relispartition AS is_partition,
       has_table_privilege('cultiva_app', c.oid, 'SELECT') AS is_readable
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') ORDER BY 1
"""


@pytest.mark.django_db
def test_every_table_is_either_secured_or_named_as_global() -> None:
    tables = fetch_all(TABLES)
    assert len(tables) > 25
    open_tables = {t["name"] for t in tables if not t["is_secured"]}
    assert open_tables == GLOBAL & {t["name"] for t in tables}


def test_partitions_are_reached_through_their_parent_alone(huerta: Any, at: datetime) -> None:
    record_events(
        workspace_id=huerta.id, received_at=at, events=[NewEvent(kind="page", message_id="1", occurred_at=at)]
    )
    partitions = [t for t in fetch_all(TABLES) if t["is_partition"]]
    assert partitions
    assert not any(t["is_readable"] for t in partitions)
    assert all(t["is_secured"] for t in partitions)


def test_the_application_is_neither_owner_nor_superuser(db: None) -> None:
    role = fetch_all("SELECT current_user AS name, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")[
        0
    ]
    assert role == {"name": "cultiva_app", "rolsuper": False, "rolbypassrls": False}
    assert not fetch_all("SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user")


def test_a_query_without_a_workspace_returns_nothing(huerta: Any, other_co: Any, at: datetime) -> None:
    record_events(
        workspace_id=huerta.id, received_at=at, events=[NewEvent(kind="page", message_id="1", occurred_at=at)]
    )
    secured = [t["name"] for t in fetch_all(TABLES) if t["is_secured"] and t["is_readable"]]
    assert fetch_all("SELECT count(*) AS n FROM event")[0]["n"] == 1
    execute("SELECT set_config('cultiva.workspace', '', true)")
    for table in secured:
        assert fetch_all(f"SELECT count(*) AS n FROM {table}")[0]["n"] == 0, table
    with workspace_scope(other_co.id):
        assert fetch_all("SELECT count(*) AS n FROM event")[0]["n"] == 0


def test_a_row_cannot_be_written_into_another_workspace(huerta: Any, other_co: Any, at: datetime) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        record_events(
            workspace_id=other_co.id, received_at=at,
            events=[NewEvent(kind="page", message_id="1", occurred_at=at)],
        )  # fmt: skip


def test_a_foreign_key_into_another_workspace_is_refused(huerta: Any, other_co: Any, at: datetime) -> None:
    insert = (
        "INSERT INTO lead (workspace_id, email, attributes, language, source_kind, created_at, search_text)"
        " VALUES (%s, '', '{}', 'es', 'manual', %s, '') RETURNING id"
    )
    lead_id = fetch_all(insert, [huerta.id, at])[0]["id"]
    with workspace_scope(other_co.id), transaction.atomic():
        execute(
            "INSERT INTO lead_state (workspace_id, lead_id, stage, stage_since, cycle) VALUES (%s, %s, 'lead', %s, 1)",
            [other_co.id, lead_id, at],
        )
        with pytest.raises(IntegrityError), transaction.atomic():
            execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute("DELETE FROM lead_state WHERE workspace_id = %s", [other_co.id])


@pytest.mark.django_db
def test_every_reference_between_workspace_tables_includes_the_workspace() -> None:
    references = fetch_all(
        """
        SELECT c.conrelid::regclass::text AS table, c.confrelid::regclass::text AS target,
               (SELECT array_agg(a.attname::text) FROM unnest(c.conkey) k
                  JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k) AS columns
          FROM pg_constraint c WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace
        """
    )
    loose = [
        r for r in references
        if r["target"] not in GLOBAL | {"workspace"} and r["table"] not in GLOBAL and "workspace_id" not in r["columns"]
    ]  # fmt: skip
    assert not loose
    named = {(r["table"], column) for r in references for column in r["columns"]}
    columns = fetch_all(
        "SELECT table_name AS table, column_name AS column FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name IN ('lead_id', 'template_id', 'version_id', 'form_id')"
    )
    assert {(c["table"], c["column"]) for c in columns if not c["table"].startswith((*VIEWS, *UNCHECKED))} <= named


@pytest.mark.django_db
def test_functions_that_see_across_workspaces_are_named() -> None:
    functions = fetch_all(
        "SELECT proname AS name, proconfig::text AS config, has_function_privilege('public', oid, 'EXECUTE') AS is_open"
        " FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    assert {f["name"] for f in functions} == DEFINERS
    assert all("search_path" in f["config"] and not f["is_open"] for f in functions)


@pytest.mark.parametrize("table", ["event", "consent_evidence", "audit_entry", "stage_change", "model_version"])
def test_append_only_tables_cannot_be_changed(huerta: Any, table: str) -> None:
    for statement in (f"UPDATE {table} SET workspace_id = 1", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)
