"""An action on many leads that is killed goes on by itself where it stopped, and does nothing twice."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.product import ROOT, Product, open_folder

LEADS = 60_000
OURS = "workspace_id = (SELECT id FROM workspace WHERE slug = 'huerta')"
TAGGED = f"SELECT count(*) FROM lead WHERE {OURS} AND attributes -> 'tags' ? 'feria'"
TOLD = f"SELECT count(*), count(DISTINCT lead_id) FROM event WHERE name = 'attributes_changed' AND {OURS}"


def killed_midway(product: Product, *words: str, seen: str) -> None:
    """Start a command, and kill it as soon as the database shows that it is at it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cultiva", *words], cwd=ROOT, env=product.environ, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    product.wait_for(lambda: product.query(seen), 120)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_actions_killed_in_the_middle_are_finished_by_the_worker() -> None:
    with open_folder() as folder, Product(folder) as product:
        product.command("workspace", "create", "--name", "Huerta", "--slug", "huerta")
        product.query(
            "WITH made AS (INSERT INTO lead (workspace_id, email, email_key, attributes, language, source_kind,"
            " created_at, search_text) SELECT w.id, 'p' || n || '@example.com', 'p' || n || '@example.com',"
            " jsonb_build_object('email', 'p' || n || '@example.com'), 'es', 'import', w.created_at, ''"
            f" FROM workspace w, generate_series(1, {LEADS}) n WHERE w.slug = 'huerta' RETURNING id, workspace_id,"
            " created_at) INSERT INTO lead_state (workspace_id, lead_id, stage, stage_since, cycle)"
            " SELECT workspace_id, id, 'lead', created_at, 1 FROM made RETURNING 1"
        )
        of_huerta = ("--workspace", "huerta")
        midway = "SELECT 1 FROM bulk_action WHERE kind = '{}' AND state = '{}' AND position > 0"
        words = ("bulk", "run", "add_tag", "--set", "tag=feria", "--everybody", "--yes", *of_huerta)
        killed_midway(product, *words, seen=midway.format("add_tag", "running"))
        state, position = product.query("SELECT state, position FROM bulk_action")[0]
        assert state == "running"
        assert 0 < position < LEADS
        assert product.query(TAGGED) == [(position,)], "a chunk and its place are one transaction"
        product.wait_for(lambda: product.query("SELECT 1 FROM bulk_action WHERE state = 'done'"), 400)
        assert product.query(TAGGED) == [(LEADS,)]
        assert product.query(TOLD) == [(LEADS, LEADS)]

        words = ("bulk", "run", "export", "--set", "format=csv", "--everybody", "--yes", *of_huerta)
        killed_midway(product, *words, seen=midway.format("export", "running"))
        product.wait_for(
            lambda: product.query("SELECT 1 FROM bulk_action WHERE kind = 'export' AND state = 'done'"), 400
        )
        parts = product.query("SELECT content FROM bulk_part WHERE what = 'file' ORDER BY ordinal")
        lines = b"".join(bytes(part) for (part,) in parts).decode("utf-8-sig").splitlines()
        assert len(lines) == LEADS + 1
        assert len({line.partition(",")[0] for line in lines}) == LEADS + 1

        killed_midway(product, "bulk", "undo", "1", *of_huerta, seen=midway.format("add_tag", "undoing"))
        product.wait_for(lambda: product.query("SELECT 1 FROM bulk_action WHERE state = 'undone'"), 400)
        assert product.query(TAGGED) == [(0,)]
        assert product.query(TOLD) == [(2 * LEADS, LEADS)]
        rows = [json.loads(line) for line in product.command("bulk", "list", *of_huerta, "--json").splitlines()]
        assert [(row["action"], row["state"]) for row in rows] == [("export", "done"), ("add_tag", "undone")]
        assert rows[1]["restored"] == LEADS
