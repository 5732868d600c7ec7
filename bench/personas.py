"""Closeness of every lead to three personas, worked out anew and after a batch; and the search for groups.

LEADS=100000 every day, in a data folder of its own that is kept for the next run in PERSONAS_DATA where that is set.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import Result
from tests.product import ROOT

LIMIT_BUILD_SECONDS, LIMIT_BATCH_MS, LIMIT_SEARCH_SECONDS, LIMIT_SEARCH_MB = 60, 300, 600, 600
BATCH, ROUNDS = 1000, 5


def measure() -> list[Result]:
    leads = int(os.environ.get("LEADS", "100000"))
    found = figures(leads)
    limits = {
        "every lead judged, s": LIMIT_BUILD_SECONDS,
        f"{BATCH} leads judged, ms": LIMIT_BATCH_MS,
        "groups looked for, s": LIMIT_SEARCH_SECONDS,
        "groups looked for, MB": LIMIT_SEARCH_MB,
    }
    return [
        Result(f"personas: {name}, {leads:,} leads", f"{found[name]:.1f}", f"< {limit}", found[name] < limit)
        for name, limit in limits.items()
    ]


def figures(leads: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(os.environ.get("PERSONAS_DATA") or folder) / str(leads)
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        environ = {**os.environ, "CULTIVA_DATA": str(data), "CULTIVA_DEMO": "1", "PYTHONPATH": path}
        for words in (["-m", "cultiva", "migrate"], ["-m", "cultiva", "demo", "--leads", str(leads)]):
            subprocess.run([sys.executable, *words], cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)
        printed = subprocess.run(
            [sys.executable, "-m", "bench.personas"], cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE,
            text=True,
        ).stdout  # fmt: skip
        return dict(json.loads(printed.splitlines()[-1]))


def inside() -> None:
    from cultiva.cli.environment import product

    with product():
        from cultiva.accounts.actions import workspace_ids

        print(json.dumps(_figures(workspace_ids()[0])))


def _figures(workspace_id: int) -> dict[str, Any]:
    from cultiva.lib import clock
    from cultiva.lib.database import fetch_all, workspace_scope
    from cultiva.segments.personas.actions import go_on, judge_leads, want_build
    from cultiva.segments.personas.discovering import ask_discovery, find_discovery, run_next

    at = clock.now()
    with workspace_scope(workspace_id):
        want_build(workspace_id, at)
    began = time.perf_counter()
    judged = go_on(workspace_id=workspace_id, at=at)
    build = time.perf_counter() - began
    with workspace_scope(workspace_id):
        rows = fetch_all("SELECT lead_id FROM lead_state WHERE workspace_id = %s ORDER BY lead_id", [workspace_id])
    batches = []
    for n in range(ROUNDS):
        chosen = [row["lead_id"] for row in rows[n :: max(1, len(rows) // BATCH)]][:BATCH]
        began = time.perf_counter()
        with workspace_scope(workspace_id):
            judge_leads(workspace_id=workspace_id, lead_ids=chosen, at=at)
        batches.append(1000 * (time.perf_counter() - began))
    asked = ask_discovery(workspace_id=workspace_id, by="bench", at=at)
    began = time.perf_counter()
    run_next(workspace_id=workspace_id, at=at, real_now=datetime.now(UTC))
    search = time.perf_counter() - began
    with workspace_scope(workspace_id):
        done = find_discovery(workspace_id, asked.id)
    assert done is not None
    print(judged, done.state, done.problem, done.leads, done.result.get("why_none"), [
        (group["name"]["es"], group["size"], group["stability"], group["precision"], group["recall"])
        for group in done.result.get("groups", [])
    ], file=sys.stderr)  # fmt: skip
    return {
        "every lead judged, s": build,
        f"{BATCH} leads judged, ms": sorted(batches)[ROUNDS // 2],
        "groups looked for, s": search,
        "groups looked for, MB": done.result.get("memory_bytes", 0) / 2**20,
    }


if __name__ == "__main__":
    inside()
