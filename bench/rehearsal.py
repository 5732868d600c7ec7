"""A rehearsal on files: one model of 30 rules on 26 weekly dates for 200,000 leads with 2 M events (below 60 s, 2 GB).

LEADS=2000000 measures a growth point, against ten times the limit. The files are those of bench.scoring, and purchases
of every twentieth lead.
"""

import json
import os
import resource
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import duckdb

from bench import Result
from bench.scoring import make_files, model
from tests.product import ROOT, open_folder

LIMIT_S, LEADS_OF_LIMIT, MOST_MB, DATES = 60, 200_000, 2000, 26
FIRST, LAST = date(2025, 9, 8), date(2026, 3, 2)


def measure() -> list[Result]:
    leads = int(os.environ.get("LEADS", "200000"))
    limit = LIMIT_S * leads / LEADS_OF_LIMIT
    with open_folder() as folder:
        make_files(folder, leads)
        add_purchases(folder, leads)
        words = [sys.executable, "-m", "bench.rehearsal", str(folder)]
        printed = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = json.loads(printed.splitlines()[-1])
    what = f"rehearsal of {leads:,} leads on {found['dates']:.0f} dates"
    return [
        Result(what, f"{found['s']:.1f} s", f"< {limit:.0f} s", found["s"] < limit and found["dates"] == DATES),
        Result("peak memory of the run", f"{found['mb']:.0f} MB", f"< {MOST_MB} MB", found["mb"] < MOST_MB),
    ]


def add_purchases(folder: Path, leads: int) -> None:
    events, all_ = folder / "events.parquet", folder / "all.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"""COPY (SELECT * FROM '{events}' UNION ALL BY NAME SELECT printf('%08d', i * 20) AS lead_id,
              'purchase' AS name, TIMESTAMPTZ '2026-03-10 12:00:00+00'
                - INTERVAL 1 SECOND * (hash(i * 29) % (180 * 86400))::BIGINT AS occurred_at
              FROM range({leads // 20}) t(i)) TO '{all_}' (FORMAT PARQUET)"""
        )
    all_.replace(events)


def inside(folder: Path) -> dict[str, float]:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cultiva.settings")
    django.setup()
    from cultiva.criteria.offline import Files
    from cultiva.scoring.rehearsal.offline import rehearse_files

    started = time.perf_counter()
    report = rehearse_files(
        [json.dumps(model())],
        Files(folder / "leads.parquet", folder / "events.parquet", folder / "rejects.csv"),
        first=FIRST, last=LAST, horizon_days=30, capacity=12, goal="purchase", timezone="", name="bench",
    )  # fmt: skip
    spent = time.perf_counter() - started
    assert "auc" in report["models"][0]["outcome"]
    return {
        "s": spent, "dates": len(report["dates"]), "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(inside(Path(sys.argv[1]))))
