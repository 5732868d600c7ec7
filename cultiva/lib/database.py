"""How the product talks to PostgreSQL: the workspace of a transaction, and set-wise SQL kept in files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from django.db import connection, transaction

SETTING = "cultiva.workspace"


@contextmanager
def workspace_scope(workspace_id: int) -> Iterator[None]:
    """One transaction that sees one workspace and no other (row-level security reads the setting).

    Nested scopes give the outer workspace back at their end.
    """
    with transaction.atomic():
        before = _swap_workspace(str(workspace_id))
        yield
        _swap_workspace(before)


def _swap_workspace(value: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting(%s, true), set_config(%s, %s, true)", [SETTING, SETTING, value]
        )
        row = cursor.fetchone()
    return row[0] or "" if row else ""


@cache
def load_sql(room: str, name: str) -> str:
    """The text of `cultiva/<room>/sql/<name>.sql`. Parameters are named: %(at)s."""
    return (Path(__file__).parent.parent / room / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def fetch_all(sql: str, parameters: dict[str, Any] | Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Rows as dictionaries, in the order of the statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        columns = [column.name for column in cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def execute(sql: str, parameters: dict[str, Any] | Sequence[Any] = ()) -> int:
    """Run a statement; returns how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.rowcount
