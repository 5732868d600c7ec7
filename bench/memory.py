"""Memory at rest: the demo running, nobody at the screen, the database included (budget: 500 MB)."""

import time
from pathlib import Path

from bench import Result
from tests.product import Product, open_folder

LIMIT_MB = 500
REST_SECONDS = 20


def measure() -> list[Result]:
    with open_folder() as folder, Product(folder) as product:
        product.get("/sign-in")
        time.sleep(REST_SECONDS)
        parts = {kind: sum(map(proportional_mb, product.pids(kind))) for kind in ("up", "web", "worker")}
        server = product.pids("postgres")
        parts["postgres"] = sum(proportional_mb(pid) for pid in server + children(server))
    total = sum(parts.values())
    shown = ", ".join(f"{kind} {size:.0f}" for kind, size in parts.items())
    return [Result(f"memory at rest ({shown})", f"{total:.0f} MB", f"< {LIMIT_MB} MB", total < LIMIT_MB)]


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
