"""How the product talks to PostgreSQL: the workspace of a transaction, and set-wise SQL kept in files."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from django.db import connection, transaction

SETTING = "cultiva.workspace"
JSONB = 3802  # pg_type.oid


@contextmanager
def workspace_scope(workspace_id: int) -> Iterator[None]:
    """One transaction that sees one workspace and no other (row-level security reads the setting).

    Nested scopes give the outer workspace back at their end.
    """
    is_nested = connection.in_atomic_block
    with transaction.atomic():
        before = _swap_workspace(str(workspace_id))
        yield
        if is_nested:  # the setting is local to the transaction: with the outermost scope it ends by itself
            _swap_workspace(before)


def _swap_workspace(value: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s, true), set_config(%s, %s, true)", [SETTING, SETTING, value])
        row = cursor.fetchone()
    return row[0] or "" if row else ""


@cache
def load_sql(room: str, name: str) -> str:
    """The text of `cultiva/<room>/sql/<name>.sql`. Parameters are named: %(at)s.

    Lines that are comments stay behind: psycopg puts values into them too, and a line break there would end them.
    """
    text = (Path(__file__).parent.parent / room / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))


def fetch_all(sql: str, parameters: dict[str, Any] | Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Rows as dictionaries, in the order of the statement; jsonb comes as what it holds."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        columns = cursor.description or ()
        names = [column.name for column in columns]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    # Django asks psycopg for jsonb as text, to decode it field by field.
    for name in [column.name for column in columns if column.type_code == JSONB]:
        for row in rows:
            row[name] = json.loads(row[name]) if row[name] is not None else None
    return rows


def execute(sql: str, parameters: dict[str, Any] | Sequence[Any] = ()) -> int:
    """Run a statement; returns how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)
