"""An import whose process or database is killed goes on by itself where it stopped, and brings nobody in twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.product import ROOT, Product, open_folder

ROWS = 60_000


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["import", "postgres"])
def test_an_import_killed_in_the_middle_is_finished_by_the_worker(victim: str) -> None:
    with open_folder() as folder, Product(folder) as product:
        product.command("workspace", "create", "--name", "Huerta", "--slug", "huerta")
        path = Path(folder) / "people.csv"
        path.write_text("email,name\n" + "".join(f"p{n}@example.com,P {n}\n" for n in range(ROWS)))
        words = ["import", "leads", str(path), "--workspace", "huerta", "--basis", "customers"]
        process = subprocess.Popen(
            [sys.executable, "-m", "cultiva", *words], cwd=ROOT, env=product.environ, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        product.wait_for(lambda: place(product) > 0, 120)
        for pid in [process.pid] if victim == "import" else product.pids("postgres"):
            os.kill(pid, signal.SIGKILL)
        product.wait_for(lambda: place(product) >= 0, 120)  # the database answers again
        process.wait()
        assert 0 <= place(product) < ROWS
        product.wait_for(lambda: ask(product, "SELECT 1 FROM import_run WHERE state = 'done'"), 400)
        ours = "workspace_id = (SELECT id FROM workspace WHERE slug = 'huerta')"
        assert product.query(f"SELECT count(*), count(DISTINCT email_key) FROM lead WHERE {ours}") == [(ROWS, ROWS)]
        assert product.query(f"SELECT count(*) FROM event WHERE kind = 'identify' AND {ours}") == [(ROWS,)]
        assert product.query(f"SELECT count(*) FROM consent_evidence WHERE {ours}") == [(ROWS,)]
        assert '"state": "done"' in product.command("import", "list", "--workspace", "huerta", "--json")


def place(product: Product) -> int:
    """How far the import is; -1 while the database is away."""
    found = ask(product, "SELECT position FROM import_run")
    return -1 if found is None else found[0][0] if found else 0


def ask(product: Product, sql: str) -> list[tuple[Any, ...]] | None:
    try:
        return product.query(sql)
    except psycopg.OperationalError:
        return None
