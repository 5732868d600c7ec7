"""The suite's database: a real PostgreSQL of its own, the schema made by `owner`, every test run as `app`.

A pytest plug-in, loaded before Django's settings are.
"""

import atexit
import os
import tempfile
from pathlib import Path

from cultiva.lib.postgres import EmbeddedPostgres

os.environ.setdefault("CULTIVA_DEMO", "1")  # tests move the clock
os.environ.setdefault("CULTIVA_SECRET_KEY", "a key for tests only")

if "DATABASE_URL" not in os.environ:
    _folder = tempfile.TemporaryDirectory(prefix="cultiva-test-")
    os.chmod(_folder.name, 0o755)
    _server = EmbeddedPostgres(Path(_folder.name) / "postgres")
    _urls = _server.start()
    atexit.register(_folder.cleanup)
    atexit.register(_server.stop)
    os.environ["DATABASE_URL"], os.environ["DATABASE_OWNER_URL"] = _urls.app, _urls.owner

os.environ.setdefault("DATABASE_OWNER_URL", os.environ["DATABASE_URL"])  # one login may serve both roles
