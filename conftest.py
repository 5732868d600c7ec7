"""The named cast of the tests, known to every one: Huerta (a Spanish company) and Other Co., which must see nothing.

A conftest's fixtures win over those of plug-ins, pytest-django's `django_db_setup` among them.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings

# What a commit's tests say is the same each time; `make explore` looks further, elsewhere each time.
settings.register_profile("same", derandomize=True)
settings.register_profile("explore")
settings.load_profile("same")

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)  # a Tuesday


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> None:
    """The schema, made once by `owner`; tests themselves connect as `app`."""
    from django.core.management import call_command

    with django_db_blocker.unblock():
        call_command("migrate", database="owner", verbosity=0)


@pytest.fixture
def at() -> datetime:
    return NOON


@pytest.fixture
def huerta(db: None, at: datetime) -> Iterator[Any]:
    """A workspace whose transaction the test runs in; all its rows go with the test."""
    from cultiva.accounts.actions import create_workspace
    from cultiva.lib.database import workspace_scope

    workspace = create_workspace(slug="huerta", name="Huerta", language="es", at=at)
    with workspace_scope(workspace.id):
        yield workspace


@pytest.fixture
def other_co(db: None, at: datetime) -> Any:
    from cultiva.accounts.actions import create_workspace

    return create_workspace(slug="other-co", name="Other Co.", language="en", at=at)
