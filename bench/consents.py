"""Who may be contacted, decided for everybody as one set; beside it, in the same run, asked lead by lead.

LEADS=1000000 measures at the size of the budget (below 2 s); every day 100,000 do, with a tenth of the limit. The set
is decided with a suppression list of a hundredth of the leads, for which all addresses are hashed, and without a list.
Also how long `consent verify` takes for all chains, and a first seal.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import Result
from tests.product import ROOT, open_folder

LIMIT_MS_A_MILLION = 2000
ROUNDS, ALONE, LEAST_TIMES_ALONE = 5, 200, 20


def measure() -> list[Result]:
    leads = int(os.environ.get("LEADS", "100000"))
    found = figures(leads)
    limit = LIMIT_MS_A_MILLION * leads / 1_000_000
    results = [
        Result(f"consent decided for {leads:,} leads as one set, {what}", f"{found[what]:.0f} ms", f"< {limit:.0f} ms",
               found[what] < limit)
        for what in ("without a list", "with a suppression list")
    ]  # fmt: skip
    times = found["alone"] * leads / ALONE / found["without a list"]
    results.append(
        Result("the set beside one lead at a time", f"{times:.0f} x", f">= {LEAST_TIMES_ALONE} x",
               times >= LEAST_TIMES_ALONE)
    )  # fmt: skip
    for what in ("verify", "seal"):
        acts = found["acts"] / found[what] * 1000
        results.append(
            Result(f"consent {what}, {leads:,} leads", f"{found[what] / 1000:.1f} s, {acts:,.0f} acts/s", "none", True)
        )
    return results


def figures(leads: int) -> dict[str, float]:
    """{what: ms}"""
    kept = os.environ.get("LISTS_DATA")
    with open_folder() as folder:
        data = Path(kept or folder) / str(leads)
        environ = {**os.environ, "CULTIVA_DATA": str(data), "CULTIVA_DEMO": "1", "PYTHONPATH": str(ROOT)}
        for words in (["-m", "cultiva", "migrate"], ["-m", "cultiva", "demo", "--leads", str(leads)]):
            subprocess.run([sys.executable, *words], cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)
        inside = [sys.executable, "-m", "bench.consents", str(leads)]
        printed = subprocess.run(inside, cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE, text=True).stdout
        return dict(json.loads(printed.splitlines()[-1]))


def inside() -> None:
    from cultiva.cli.environment import product

    with product():
        from cultiva.accounts.actions import find_workspace
        from cultiva.lib import clock
        from cultiva.lib.database import execute

        workspace = find_workspace("riega")
        assert workspace
        execute("VACUUM ANALYZE")
        print(json.dumps(figures_of(workspace.id, clock.now())))


def figures_of(workspace_id: int, at: datetime) -> dict[str, float]:
    from cultiva.consent.deciding import address_hash, can_contact, decide_everybody
    from cultiva.consent.sealing import seal_chains
    from cultiva.consent.verifying import verify_workspace
    from cultiva.leads.models import Lead
    from cultiva.lib.database import execute, load_sql, workspace_scope

    asked: dict[str, Any] = {"workspace_id": workspace_id, "purpose": "marketing", "channel": "email", "at": at}

    def everybody() -> None:
        with workspace_scope(workspace_id):
            decide_everybody(**asked)

    def one_by_one() -> None:
        with workspace_scope(workspace_id):
            for lead_id in Lead.objects.filter(workspace_id=workspace_id).values_list("id", flat=True)[:ALONE]:
                can_contact(lead_ids=[lead_id], **asked)

    found = {"without a list": best(everybody), "alone": best(one_by_one, rounds=1)}
    with workspace_scope(workspace_id):
        keys = Lead.objects.filter(workspace_id=workspace_id).exclude(email_key=None).order_by("id")
        found_keys = keys.values_list("email_key", flat=True)[::100]
        hashes = [address_hash(key) for key in found_keys if key]
        parameters = {"workspace": workspace_id, "hashes": hashes, "reason": "manual", "at": at}
        execute(load_sql("consent", "suppress_many"), parameters)
    found["with a suppression list"] = best(everybody)
    began = time.perf_counter()
    seal_chains(workspace_id=workspace_id, at=at, real_now=datetime.now(UTC))
    found["seal"] = (time.perf_counter() - began) * 1000
    began = time.perf_counter()
    report = verify_workspace(workspace_id=workspace_id)
    found["verify"] = (time.perf_counter() - began) * 1000
    assert report.is_whole, report.findings[:3]
    return found | {"acts": report.acts}


def best(work: Callable[[], None], rounds: int = ROUNDS) -> float:
    """The middle of some rounds, in ms."""
    times = []
    for _round in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return sorted(times)[rounds // 2]


if __name__ == "__main__":
    inside()
