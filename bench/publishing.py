"""Publishing a model of 30 rules: everybody scored anew from the database and the archive, and written back.

LEADS=1000000 measures at the size of the budget (< 10 s); every day 20,000 do (their share of it and a second, for what
has no size), in a data folder of its own, kept for the next run in SCORING_DATA where that is set. Beside it, in the
same run, how long the same takes with one set-based statement a thousand leads in PostgreSQL, extrapolated from some.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import Result
from tests.product import ROOT, open_folder

SECONDS_A_MILLION, SECONDS_AT_LEAST, LIMIT_MEMORY = 10.0, 1.0, 2000
RULES, STATEMENTS = 30, 5
EVENTS = ["page", "download", "email_clicked", "quote_requested", "webinar_attended"]
WAYS: list[dict[str, Any]] = [
    {"count": "each", "ageing": {"half_life_days": 30}}, {"count": "once", "window_days": 30}, {"count": "per_day"},
    {"count": "last", "ageing": {"expires_days": 60}}, {"count": "each", "ageing": {"linear_days": 90}, "max": 20},
]  # fmt: skip


def measure() -> list[Result]:
    leads = int(os.environ.get("LEADS", "20000"))
    found = figures(leads)
    limit = SECONDS_AT_LEAST + SECONDS_A_MILLION * leads / 1_000_000
    times = found["set-based SQL"] / found["published"]
    parts = ", ".join(f"{name} {found[name]:.1f}" for name in ("reading", "scoring", "writing"))
    return [
        Result(f"published, {leads:,} leads, {RULES} rules", f"{found['published']:.1f} s ({parts})",
               f"< {limit:.1f} s", found["published"] < limit),
        Result("the same in PostgreSQL, a thousand leads a statement", f"{times:.1f} x the time", "", True),
        Result("memory of the worker", f"{found['memory']:.0f} MB", f"< {LIMIT_MEMORY} MB",
               found["memory"] < LIMIT_MEMORY),
    ]  # fmt: skip


def figures(leads: int) -> dict[str, float]:
    with open_folder() as folder:
        data = Path(os.environ.get("SCORING_DATA") or folder) / str(leads)
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        environ = {**os.environ, "CULTIVA_DATA": str(data), "CULTIVA_DEMO": "1", "PYTHONPATH": path}
        for words in (["migrate"], ["demo", "--leads", str(leads)], ["archive"]):
            done = subprocess.DEVNULL
            subprocess.run([sys.executable, "-m", "cultiva", *words], cwd=ROOT, env=environ, check=True, stdout=done)
        printed = subprocess.run(
            [sys.executable, "-m", "bench.publishing"], cwd=ROOT, env=environ, check=True,
            stdout=subprocess.PIPE, text=True,
        ).stdout  # fmt: skip
        return dict(json.loads(printed.splitlines()[-1]))


def model_of_many_rules(points: int) -> str:
    rules = [
        {"key": f"r{n}", "dimension": "interest", "points": points + n, "when": {"event": EVENTS[n % len(EVENTS)]},
         **WAYS[n % 7 % len(WAYS)]}
        for n in range(RULES - 2)
    ]  # fmt: skip
    rules += [
        {"key": "olives", "dimension": "fit", "points": 10, "when": {"attribute": "sector", "is": "olivar"}},
        {"key": "large", "dimension": "fit", "points": 15, "when": {"attribute": "hectares", "gte": 100}},
    ]
    dimensions = {"fit": {"max": 40}, "interest": {"min": 0, "max": 60}}
    limits = {"warm": 30, "hot": 60, "hysteresis": 5}
    return json.dumps({"model": "many_rules", "dimensions": dimensions, "rules": rules, "temperature": limits})


def inside() -> None:
    from cultiva.cli.environment import product

    with product():
        from cultiva.accounts.actions import workspace_ids

        print(json.dumps(_figures(workspace_ids()[0])))


def _figures(workspace_id: int) -> dict[str, float]:
    """Seconds, and megabytes; the version published second replaces scores that are there."""
    from cultiva.lib import clock
    from cultiva.lib.database import workspace_scope
    from cultiva.scoring import rescoring
    from cultiva.scoring.actions import publish_model
    from cultiva.scoring.models import Rescoring, Score
    from cultiva.scoring.writing import work_out

    at, stages = clock.now(), dict[str, float]()
    note = rescoring._note

    def timed(rescoring: Rescoring, **values: Any) -> None:
        stages[values.get("stage", "failed")] = time.perf_counter()
        note(rescoring, **values)

    rescoring._note = timed
    for points in (1, 2):
        version = publish_model(workspace_id=workspace_id, text=model_of_many_rules(points), at=at)
        began = time.perf_counter()
        rescoring.go_on(workspace_id=workspace_id, at=at)
        ended = time.perf_counter()
        with workspace_scope(workspace_id):
            assert Rescoring.objects.get(workspace_id=workspace_id, model=version).state == Rescoring.DONE
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    with workspace_scope(workspace_id):
        scores = Score.objects.filter(workspace_id=workspace_id, model=version).order_by("lead_id")
        leads = list(scores.values_list("lead_id", flat=True))
        spread, began_sql = leads[:: max(1, len(leads) // (1000 * STATEMENTS))], time.perf_counter()
        for start in range(0, len(spread), 1000):
            work_out(version, spread[start : start + 1000], at=at, is_primary=True)
        a_lead = (time.perf_counter() - began_sql) / max(1, len(spread))
    return {
        "published": ended - began,
        "reading": stages["scoring"] - stages["reading"],
        "scoring": stages["writing"] - stages["scoring"],
        "writing": ended - stages["writing"],
        "set-based SQL": a_lead * len(leads),
        "memory": memory,
    }


if __name__ == "__main__":
    inside()
