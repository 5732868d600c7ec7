"""Live scores: 1,000 leads who did something scored anew under the demo's model, the same leads without a word of
what is new (all their past is looked through for their temperatures), and the explanation of one lead.

LEADS=20000 in a data folder of its own, kept for the next run in SCORING_DATA where that is set.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench import Result
from tests.product import ROOT, open_folder

LIMITS = {
    "1,000 leads scored, ms": 150,
    "1,000 leads scored from their past, ms": 1500,
    "a score explained, ms": 50,
    "explained with what comes, ms": 250,
}
BATCH, ROUNDS, LEADS_EXPLAINED = 1000, 7, 40


def measure() -> list[Result]:
    leads = int(os.environ.get("LEADS", "20000"))
    found = figures(leads)
    return [
        Result(f"scoring: {name}, {leads:,} leads", f"{found[name]:.1f}", f"< {limit}", found[name] < limit)
        for name, limit in LIMITS.items()
    ]


def figures(leads: int) -> dict[str, float]:
    with open_folder() as folder:
        data = Path(os.environ.get("SCORING_DATA") or folder) / str(leads)
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        environ = {**os.environ, "CULTIVA_DATA": str(data), "CULTIVA_DEMO": "1", "PYTHONPATH": path}
        for words in (["-m", "cultiva", "migrate"], ["-m", "cultiva", "demo", "--leads", str(leads)]):
            subprocess.run([sys.executable, *words], cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)
        printed = subprocess.run(
            [sys.executable, "-m", "bench.scoring_live"], cwd=ROOT, env=environ, check=True,
            stdout=subprocess.PIPE, text=True,
        ).stdout  # fmt: skip
        return dict(json.loads(printed.splitlines()[-1]))


def inside() -> None:
    from cultiva.cli.environment import product

    with product():
        from cultiva.accounts.actions import workspace_ids

        print(json.dumps(_figures(workspace_ids()[0])))


def _figures(workspace_id: int) -> dict[str, float]:
    """The medians of ROUNDS batches, each after an act of every lead, and of the explanations of leads spread over the
    workspace."""
    from cultiva.events.actions import NewEvent, record_events
    from cultiva.events.batch import Batch
    from cultiva.lib import clock
    from cultiva.lib.database import workspace_scope
    from cultiva.scoring.actions import explain, primary_model, score
    from cultiva.scoring.models import Score
    from cultiva.scoring.outlook import explain_fully

    at = clock.now()
    with workspace_scope(workspace_id):
        scored = Score.objects.filter(workspace_id=workspace_id).order_by("lead_id").values_list("lead_id", flat=True)
        model, leads = primary_model(workspace_id), list(scored)
        assert model
        spread = leads[:: max(1, len(leads) // LEADS_EXPLAINED)]
        batch = leads[:: max(1, len(leads) // BATCH)][:BATCH]
        took, anew = [], []
        for _round in range(ROUNDS):
            at += timedelta(seconds=2)
            acts = [
                NewEvent(kind="page", message_id=f"bench:{at}:{lead}", occurred_at=at - timedelta(seconds=1),
                         lead_id=lead, properties={"path": "/"})
                for lead in batch
            ]  # fmt: skip
            news = record_events(workspace_id=workspace_id, events=acts, received_at=at)
            whole = Batch(workspace_id=workspace_id, at=at, lead_ids=batch, events=list(news))
            took.append(_timed(lambda whole=whole: score(whole)))  # type: ignore[misc]
            bare = Batch(workspace_id=workspace_id, at=at, lead_ids=batch)
            anew.append(_timed(lambda bare=bare: score(bare)))  # type: ignore[misc]
    whose: dict[str, Any] = {"workspace_id": workspace_id, "model": model, "at": at}
    short = [_timed(lambda lead=lead: explain(lead_id=lead, **whose)) for lead in spread]  # type: ignore[misc]
    full = [_timed(lambda lead=lead: explain_fully(lead_id=lead, **whose)) for lead in spread]  # type: ignore[misc]
    return dict(zip(LIMITS, map(statistics.median, (took, anew, short, full)), strict=True))


def _timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    inside()
