"""Closeness of every lead to ten personas, worked out anew and after a batch; and the search for groups.

LEADS=100000 every day, in a data folder of its own that is kept for the next run in PERSONAS_DATA where that is set.
"""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import Result
from tests.product import ROOT, open_folder

LIMIT_BUILD_SECONDS, LIMIT_BATCH_MS, LIMIT_IDLE_MS, LIMIT_SEARCH_SECONDS, LIMIT_SEARCH_MB = 60, 80, 10, 600, 500
BATCH, ROUNDS = 1000, 7
# Beside the demo's three: attributes, single acts and numbers of acts, in windows of many lengths.
MORE_PERSONAS = {
    f"bench-{n}": [
        {"when": {"attribute": "sector", "is": sector}, "weight": 3},
        {"when": {"attribute": "hectares", "gte": 10 * n}, "weight": 1},
        {"when": {"event": "page", "where": [{"property": "path", "starts_with": path}],
                  "times": {"at_least": 1 + n % 3}, "within_days": 30 * n}, "weight": 2},
    ]
    for n, (sector, path) in enumerate(
        [("olivar", "/guia"), ("cereal", "/contacto"), ("vivero", "/productos"), ("frutal", "/casos"),
         ("invernadero", "/precios"), ("cítricos", "/blog"), ("universidad", "/empleo")], start=1,
    )
}  # fmt: skip


def measure() -> list[Result]:
    leads = int(os.environ.get("LEADS", "100000"))
    found = figures(leads)
    limits = {
        "every lead judged, s": LIMIT_BUILD_SECONDS,
        f"{BATCH} leads judged, ms": LIMIT_BATCH_MS,
        f"{BATCH} leads of whom nothing changed, ms": LIMIT_IDLE_MS,
        "groups looked for, s": LIMIT_SEARCH_SECONDS,
        "groups looked for, MB": LIMIT_SEARCH_MB,
    }
    return [
        Result(f"personas: {name}, {leads:,} leads", f"{found[name]:.1f}", f"< {limit}", found[name] < limit)
        for name, limit in limits.items()
    ]


def figures(leads: int) -> dict[str, float]:
    with open_folder() as folder:
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
    from cultiva.events.actions import LedgerEvent
    from cultiva.events.batch import Batch
    from cultiva.lib import clock
    from cultiva.lib.database import fetch_all, workspace_scope
    from cultiva.segments.personas.actions import go_on, judge_leads, save_persona, want_build
    from cultiva.segments.personas.closeness import refresh
    from cultiva.segments.personas.discovering import ask_discovery, find_discovery, run_next

    at = clock.now()
    for key, criteria in MORE_PERSONAS.items():
        save_persona(workspace_id=workspace_id, name=key, key=key, criteria=criteria, by="bench", at=at)
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
    idle = []
    for _round in range(ROUNDS):
        events = [
            LedgerEvent(id=0, source_id=0, kind="track", name="social", visitor=None, lead_id=lead_id, occurred_at=at,
                        actor="human", properties={}, context={}, received_at=at)
            for lead_id in chosen
        ]  # fmt: skip
        began = time.perf_counter()
        with workspace_scope(workspace_id):
            refresh(Batch(workspace_id=workspace_id, at=at, events=events, lead_ids=chosen))
        idle.append(1000 * (time.perf_counter() - began))
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
        f"{BATCH} leads of whom nothing changed, ms": sorted(idle)[ROUNDS // 2],
        "groups looked for, s": search,
        "groups looked for, MB": done.result.get("memory_bytes", 0) / 2**20,
    }


if __name__ == "__main__":
    inside()
