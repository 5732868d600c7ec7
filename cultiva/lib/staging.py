"""Many rows at once: they are copied into a temporary table, from which a few statements take them.

COPY straight into a workspace's table is refused under row-level security.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def staged(table: str, columns: str, rows: Iterable[Sequence[Any]]) -> Iterator[None]:
    """A temporary table of this connection with these rows, for as long as the block. `columns` as in CREATE TABLE.

    Jsonb goes in as its text. To be used inside a transaction: an error takes the table with it.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {table} ({columns})")
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            write = copy.write_row
            for row in rows:
                write(row)
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {table}")


def next_ids(sequence: str, count: int) -> list[int]:
    """Ids for rows to come, taken before they are written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s::regclass) FROM generate_series(1, %s)", [sequence, count])
        return [row[0] for row in cursor.fetchall()]
