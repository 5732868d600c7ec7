"""An import by command that is killed goes on by itself where it stopped, and brings nobody in twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.product import ROOT, Product, open_folder

ROWS = 60_000


@pytest.mark.slow
def test_an_import_killed_in_the_middle_is_finished_by_the_worker() -> None:
    with open_folder() as folder, Product(folder) as product:
        product.command("workspace", "create", "--name", "Huerta", "--slug", "huerta")
        path = Path(folder) / "people.csv"
        path.write_text("email,name\n" + "".join(f"p{n}@example.com,P {n}\n" for n in range(ROWS)))
        words = ["import", "leads", str(path), "--workspace", "huerta", "--basis", "customers"]
        process = subprocess.Popen(
            [sys.executable, "-m", "cultiva", *words], cwd=ROOT, env=product.environ, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        product.wait_for(lambda: product.query("SELECT 1 FROM import_run WHERE position > 0"), 120)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        state, position = product.query("SELECT state, position FROM import_run")[0]
        assert state == "running"
        assert 0 < position < ROWS
        product.wait_for(lambda: product.query("SELECT 1 FROM import_run WHERE state = 'done'"), 400)
        ours = "workspace_id = (SELECT id FROM workspace WHERE slug = 'huerta')"
        assert product.query(f"SELECT count(*), count(DISTINCT email_key) FROM lead WHERE {ours}") == [(ROWS, ROWS)]
        assert product.query(f"SELECT count(*) FROM event WHERE kind = 'identify' AND {ours}") == [(ROWS,)]
        assert product.query(f"SELECT count(*) FROM consent_evidence WHERE {ours}") == [(ROWS,)]
        assert '"state": "done"' in product.command("import", "list", "--workspace", "huerta", "--json")
