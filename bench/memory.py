"""Memory at rest: the demo running, nobody at the screen, the database included (budget: 500 MB). And flat under load:
what grows between the first and the last tenth of it. `BENCH_SECONDS=600` for ten minutes."""

import os
import time
from pathlib import Path
from statistics import median

from bench import Result
from bench._senders import Senders
from tests.product import Product, open_folder

LIMIT_MB = 500
REST_SECONDS = 20
PER_SECOND = 500  # below what the machine can do: memory is the question, not speed
LIMIT_GROWTH = 1.15  # caches fill for a while; a leak of 1 KB an event would double the worker in two minutes
WARM_SECONDS = 20


def measure() -> list[Result]:
    with open_folder() as folder, Product(folder) as product:
        product.get("/sign-in")
        time.sleep(REST_SECONDS)
        parts = {kind: sum(map(proportional_mb, product.pids(kind))) for kind in ("up", "web", "worker")}
        server = product.pids("postgres")
        parts["postgres"] = sum(proportional_mb(pid) for pid in server + children(server))
        total = sum(parts.values())
        shown = ", ".join(f"{kind} {size:.0f}" for kind, size in parts.items())
        rest = Result(f"memory at rest ({shown})", f"{total:.0f} MB", f"< {LIMIT_MB} MB", total < LIMIT_MB)
        return [rest, under_load(product, int(os.environ.get("BENCH_SECONDS", "60")))]


def under_load(product: Product, seconds: int) -> Result:
    """The product's own processes; what PostgreSQL takes is bounded by its settings."""
    sizes: list[float] = []
    with Senders(product, per_second=PER_SECOND) as senders:
        time.sleep(WARM_SECONDS)
        began, pids = time.monotonic(), product.pids("web") + product.pids("worker")
        while time.monotonic() - began < seconds:
            sizes.append(sum(map(proportional_mb, pids)))
            time.sleep(1)
        is_same = pids == product.pids("web") + product.pids("worker")
    tenth = max(1, len(sizes) // 10)
    first, last = median(sizes[:tenth]), median(sizes[-tenth:])
    claim = f"web and worker flat over {seconds} s of load, {senders.sent} events ({first:.0f} to {last:.0f} MB)"
    return Result(claim, f"{last / first:.2f}", f"< {LIMIT_GROWTH}", last < LIMIT_GROWTH * first and is_same)


def children(pids: list[int]) -> list[int]:
    """Processes whose parent is one of these."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent in pids:
                found.append(int(entry.name))
    return found


def proportional_mb(pid: int) -> float:
    """PSS: what is shared counts once over all who share it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
