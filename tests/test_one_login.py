"""A server of one's own with a single login: it owns the tables, and the product assumes the lesser role."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg

from cultiva.lib.postgres import EmbeddedPostgres
from tests.product import ROOT, open_folder


def test_one_login_serves_both_roles() -> None:
    with open_folder() as folder, EmbeddedPostgres(folder / "server") as urls:
        let_owner_assume(folder / "server", urls.owner)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CULTIVA_", "DATABASE_"))}
        environ = {**kept, "DATABASE_URL": urls.owner, "CULTIVA_DATA": str(folder / "data")}

        def command(*words: str) -> str:
            result = subprocess.run(
                [sys.executable, "-m", "cultiva", *words],
                cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
            assert result.returncode == 0, result.stdout + result.stderr
            return result.stdout

        command("migrate")
        command("workspace", "create", "--name", "Uno")
        findings = {each["what"]: each for each in json.loads(command("doctor", "--json"))}
        assert findings["roles"]["is_good"]
        assert "cultiva_app" in findings["roles"]["seen"]


def let_owner_assume(server: Path, owner_url: str) -> None:
    """On a server of one's own the login makes the role itself; here it exists, and is lent."""
    superuser, owner, _app = (server / "passwords").read_text().split()
    url = owner_url.replace(f"cultiva_owner:{owner}", f"postgres:{superuser}")
    assert url != owner_url
    with psycopg.connect(url) as connection:
        connection.execute("GRANT cultiva_app TO cultiva_owner")
