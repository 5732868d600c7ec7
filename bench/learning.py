"""Learning on files: 100,000 leads with 1 M events and six months of weekly dates (below 60 s, 2 GB).

The files are those of bench.scoring, and purchases that follow the size of the farm and some of the downloads.
LEADS=300000 measures a growth point, against three times the limit.
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
from bench.scoring import make_files
from tests.product import ROOT, open_folder

LIMIT_S, LEADS_OF_LIMIT, MOST_MB = 60, 100_000, 2000
FIRST, LAST = date(2025, 8, 11), date(2026, 2, 2)


def measure() -> list[Result]:
    leads = int(os.environ.get("LEADS", "100000"))
    limit = LIMIT_S * leads / LEADS_OF_LIMIT
    with open_folder() as folder:
        make_files(folder, leads)
        add_purchases(folder)
        words = [sys.executable, "-m", "bench.learning", str(folder)]
        printed = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = json.loads(printed.splitlines()[-1])
    what = f"learning from {leads:,} leads, {found['cases']:,} cases and {found['candidates']} candidates"
    return [
        Result(what, f"{found['s']:.1f} s", f"< {limit:.0f} s", found["s"] < limit),
        Result("peak memory of it", f"{found['mb']:.0f} MB", f"< {MOST_MB} MB", found["mb"] < MOST_MB),
        Result("area of the learned scorecard", f"{found['auc']:.3f}", "> 0.6", found["auc"] > 0.6),
    ]


def add_purchases(folder: Path) -> None:
    """Of three in a hundred, or ten of those with much land; of some, days after a download."""
    events, all_ = folder / "events.parquet", folder / "all.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"""COPY (SELECT * FROM '{events}' UNION ALL BY NAME
              SELECT lead_id, 'purchase' AS name, TIMESTAMPTZ '2026-03-01 12:00:00+00'
                - INTERVAL 1 SECOND * (hash(lead_id || 'when') % (200 * 86400))::BIGINT AS occurred_at
              FROM '{folder}/leads.parquet'
              WHERE hash(lead_id || 'who') % 100 < CASE WHEN hectares > 150 THEN 10 ELSE 3 END
              UNION ALL BY NAME
              SELECT lead_id, 'purchase' AS name, occurred_at + INTERVAL 5 DAY AS occurred_at FROM '{events}'
              WHERE name = 'download' AND hash(lead_id || occurred_at::VARCHAR) % 100 < 10)
              TO '{all_}' (FORMAT PARQUET)"""
        )
    all_.replace(events)


def inside(folder: Path) -> dict[str, float]:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cultiva.settings")
    django.setup()
    from cultiva.criteria.offline import Files
    from cultiva.scoring.learning.offline import learn_files

    started = time.perf_counter()
    found = learn_files(
        Files(folder / "leads.parquet", folder / "events.parquet", folder / "rejects.csv"),
        first=FIRST, last=LAST, horizon_days=30, goal="purchase",
        tell=lambda what, share: print(f"{time.perf_counter() - started:.1f} s  {share:.0%} {what}", file=sys.stderr),
    ).report  # fmt: skip
    return {
        "s": time.perf_counter() - started,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "cases": found["training"]["cases"] + found["validation"]["cases"],
        "candidates": found["candidates"],
        "auc": found["models"][0]["auc"],
    }


if __name__ == "__main__":
    print(json.dumps(inside(Path(sys.argv[1]))))
