"""The suite's database: a real PostgreSQL of its own, the schema made by `owner`, every test run as `app`.

A pytest plug-in. With several workers (`-n`) each has its own server, and their controller, which runs no test, none.
"""

import atexit
import os
import tempfile
from pathlib import Path

import pytest

from cultiva.lib.postgres import EmbeddedPostgres


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before pytest-django's, which reads Django's settings."""
    use_own_database(needs_server=not is_controller(early_config))


def use_own_database(*, needs_server: bool = True) -> None:
    """The environment of a process that works on a database of its own: a test worker, a measurement."""
    os.environ.setdefault("CULTIVA_DEMO", "1")  # tests move the clock
    os.environ.setdefault("CULTIVA_SECRET_KEY", "a key for tests only")
    if "DATABASE_URL" not in os.environ and needs_server:
        start_server()
    if "DATABASE_URL" in os.environ:
        os.environ.setdefault("DATABASE_OWNER_URL", os.environ["DATABASE_URL"])  # one login may serve both roles


def is_controller(config: pytest.Config) -> bool:
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    return not is_worker and bool(getattr(config.known_args_namespace, "numprocesses", None))


def start_server() -> None:
    folder = tempfile.TemporaryDirectory(prefix="cultiva-test-")
    os.chmod(folder.name, 0o755)
    server = EmbeddedPostgres(Path(folder.name) / "postgres")
    urls = server.start()
    atexit.register(folder.cleanup)
    atexit.register(server.stop)
    os.environ["DATABASE_URL"], os.environ["DATABASE_OWNER_URL"] = urls.app, urls.owner
