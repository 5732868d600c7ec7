from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from cultiva.consent.tests.committed import committed_workspace


@pytest.fixture
def company(django_db_setup: None, django_db_blocker: Any, at: datetime) -> Iterator[Any]:
    """A workspace that other connections see."""
    with django_db_blocker.unblock(), committed_workspace(at) as workspace:
        yield workspace
        connection.close()
