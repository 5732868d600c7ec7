"""For properties that are tried out in one database: each example undoes what it wrote."""

from contextlib import AbstractContextManager
from typing import Any

from django.db import transaction
from hypothesis import HealthCheck, settings

# The fixtures of one test serve all its examples.
against_the_database = settings(
    deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Undone(AbstractContextManager[None]):
    """A savepoint that is rolled back at the end, whatever happened."""

    def __enter__(self) -> None:
        self._atomic = transaction.atomic()
        self._atomic.__enter__()

    def __exit__(self, *exception: Any) -> None:
        transaction.set_rollback(True)
        self._atomic.__exit__(*exception)
