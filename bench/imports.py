"""Files brought in: leads with dedup and the evidence of what they accepted (budget: at least 10,000 a second), the
same with a will expressed for a purpose besides, and events of history, each beside a bare COPY of the same rows in
the same run.

BENCH_LEADS and BENCH_EVENTS set the sizes; 500,000 and 1,000,000 rows without them.
"""

import csv
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import Result
from tests.product import ROOT, open_folder

LEAST_LEADS = 10_000  # a second
MOST_GROWTH_MB = 150  # memory that the reading process may gain, whatever the size of the file
LEADS = int(os.environ.get("BENCH_LEADS", "500000"))
EVENTS = int(os.environ.get("BENCH_EVENTS", "1000000"))
REPEATED = 10  # one row in ten is about somebody who stood in the file before
NAMES = ("Ana", "José", "Marta", "Íñigo", "Lucía", "Pablo", "Núria", "John", "Mary", "Begoña")
CITIES = ("Valencia", "Málaga", "Lugo", "Bogotá", "Madrid", "London")


def measure() -> list[Result]:
    """In a process of its own: it becomes a Cultiva with a database that goes with it."""
    printed = subprocess.run(
        [sys.executable, "-m", "bench.imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    print(printed.stderr, file=sys.stderr)
    rows = [line.split("\t") for line in printed.stdout.splitlines() if line.count("\t") == 3]
    assert rows, printed.stdout
    return [Result(claim, shown, limit, holds == "True") for claim, shown, limit, holds in rows]


def lead_rows(of: str) -> Iterator[list[Any]]:
    yield ["email", "first_name", "last_name", "company", "city", "employees", "consent_time", "consent_ip"]
    for n in range(LEADS):
        person = n if n % REPEATED else n // 2
        yield [
            f"{of}{person}@empresa{person % 5000}.example.com", NAMES[n % 10], f"García {n}",
            f"Huertos {n % 5000} S.L.", CITIES[n % 6], n % 500,
            f"2024-05-{1 + n % 28:02d} 10:00:00", f"203.0.113.{n % 250}",
        ]  # fmt: skip


def event_rows() -> Iterator[list[Any]]:
    yield ["messageId", "event", "userId", "timestamp", "properties"]
    for n in range(EVENTS):
        name = ("Page Viewed", "Order Completed", "Video Played")[n % 3]
        when = f"2025-{1 + n % 12:02d}-{1 + n % 28:02d}T10:{n % 60:02d}:00Z"
        yield [f"m{n}", name, f"user-{n % 100_000}", when, f'{{"path":"/p/{n % 500}","value":{n % 97}}}']


def save(path: Path, rows: Iterator[list[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def copy_barely(path: Path) -> float:
    """Seconds of COPY into a table without index, rule or right: what the server's own reading costs."""
    import psycopg

    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as connection, path.open("rb") as file:
        names = file.readline().decode().strip().split(",")
        connection.execute(f"CREATE TABLE bare ({', '.join(f'c{n} text' for n in range(len(names)))})")
        connection.commit()
        began = time.monotonic()
        with connection.cursor().copy("COPY bare FROM STDIN (FORMAT csv)") as copy:
            while block := file.read(1 << 20):
                copy.write(block)
        connection.commit()
        took = time.monotonic() - began
        connection.execute("DROP TABLE bare")
    return took


def run() -> None:
    from tests.database import use_own_database

    use_own_database()

    os.environ["DJANGO_SETTINGS_MODULE"] = "cultiva.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", database="owner", verbosity=0)
    from cultiva.accounts.actions import create_workspace
    from cultiva.consent.actions import publish_policy, publish_purpose
    from cultiva.consent.tests.documents import MARKETING, POLICY
    from cultiva.lib import clock

    at = clock.now()
    workspace = create_workspace(slug="bench", name="Bench", at=at)
    publish_policy(workspace_id=workspace.id, text=POLICY, at=at)
    publish_purpose(workspace_id=workspace.id, text=MARKETING, at=at)
    with open_folder() as folder:
        for name, kind, rows, size, purposes in (
            (f"{LEADS:,} leads from CSV, with dedup and evidence", "leads", lead_rows("person"), LEADS, ()),
            (f"{LEADS:,} leads with a purpose besides", "leads", lead_rows("reader"), LEADS, ("marketing",)),
            (f"{EVENTS:,} events from CSV", "events", event_rows(), EVENTS, ()),
        ):
            if not size:
                continue
            path = Path(folder) / f"{kind}.csv"
            save(path, rows)
            bare = copy_barely(path)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            rehearsed, took = bring_in(workspace, kind, path, purposes)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            is_limited = kind == "leads" and not purposes
            tell(name, size, took, bare, rehearsed, grown, is_limited=is_limited)


def bring_in(workspace: Any, kind: str, path: Path, purposes: tuple[str, ...]) -> tuple[float, float]:
    """(seconds of the rehearsal, seconds from the upload to the end without it)."""
    from dataclasses import replace

    from cultiva.capture.imports.running import create_import, go_on, prepare, rehearse, start, suggest_plan
    from cultiva.lib import clock

    began = time.monotonic()
    with path.open("rb") as file:
        run = create_import(workspace_id=workspace.id, kind=kind, name=path.name, file=file, at=clock.now())
    plan = suggest_plan(run=run, language="es", time_zone="Europe/Madrid")
    basis = "proof" if kind == "leads" else ""
    run = prepare(run=run, plan=replace(plan, purposes=purposes), basis=basis)
    kept = time.monotonic() - began
    began = time.monotonic()
    counts = rehearse(run=run, at=clock.now())
    rehearsed = time.monotonic() - began
    began = time.monotonic()
    run = go_on(run=start(run=run, at=clock.now(), actor="bench"), now=clock.now)
    took = time.monotonic() - began
    assert run.state == "done", run.problem
    said = {key: number for key, number in counts.items() if key != "examples"}
    assert said == run.counts, (said, run.counts)
    return rehearsed, kept + took


def tell(
    name: str, size: int, took: float, bare: float, rehearsed: float, grown: float, *, is_limited: bool
) -> None:  # fmt: skip
    rate = size / took
    shown = f"{rate:,.0f}/s ({took / bare:.0f} x bare COPY; rehearsal {size / rehearsed:,.0f}/s; +{grown:.0f} MB)"
    limit = f">= {LEAST_LEADS:,}/s" if is_limited else "(told)"
    print(f"{name}\t{shown}\t{limit}\t{not is_limited or rate >= LEAST_LEADS}")
    if is_limited:
        print(f"memory that it takes\t+{grown:.0f} MB\t<= {MOST_GROWTH_MB} MB\t{grown <= MOST_GROWTH_MB}")


if __name__ == "__main__":
    run()
