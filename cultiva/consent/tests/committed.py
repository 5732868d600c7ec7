"""A workspace whose rows are really committed: for tests with several connections, or with the owner's hands."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from cultiva.accounts.actions import create_workspace

TABLES = """
SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
 WHERE table_schema = 'public' AND column_name = 'workspace_id' AND table_type = 'BASE TABLE'
"""


@contextmanager
def committed_workspace(at: datetime) -> Iterator[Any]:
    """Needs `django_db_blocker.unblock()`; everything goes with the block, by the owner's hand."""
    workspace = create_workspace(slug=f"w-{uuid.uuid4().hex[:12]}", name="Committed", at=at)
    try:
        yield workspace
    finally:
        with as_owner() as owner:  # one transaction: the references are checked at its end
            for (table,) in owner.execute(TABLES).fetchall():
                if not table.startswith("event_20"):
                    owner.execute(
                        sql.SQL("DELETE FROM {} WHERE workspace_id = %s").format(sql.Identifier(table)), [workspace.id]
                    )
            owner.execute("DELETE FROM workspace WHERE id = %s", [workspace.id])


def as_owner() -> psycopg.Connection[Any]:
    return psycopg.connect(os.environ["DATABASE_OWNER_URL"])
