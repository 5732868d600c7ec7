"""Twelve segments such as people make: worked out anew, kept up to date after a batch of events, and counted.

LEADS=1000000 measures at the size of the budget (a build below 3 s, a batch of 1,000 events below 200 ms, a count below
1 s); every day 100,000 do, in a data folder of its own that is kept for the next run in LISTS_DATA where that is set.
Beside them, in the same run, a bare scan that groups the ledger by lead, and the same question asked lead by lead with
the ORM, as most would write it (at least 20 times slower, extrapolated from some leads). Ten times the data may take
eleven times as long: FEWER=100000 beside LEADS=1000000 compares. Up to 100,000 leads 300 live segments are tried too.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench import Result
from tests.product import ROOT, open_folder

LIMIT_BUILD, LIMIT_BATCH, LIMIT_COUNT, LIMIT_GROWTH = 3000, 200, 1000, 11  # ms
EVENTS, ROUNDS = 1000, 7
MANY, LIMIT_MANY = 300, 1000  # ms a batch: as many segments keep up with 1,000 events a second
LEADS_FOR_MANY = 100_000  # at most: 300 builds of a million would take longer than all the rest
NAIVE_LEADS, LEAST_TIMES_NAIVE = 500, 20
PRICES: Any = {"event": "page", "where": [{"property": "path", "starts_with": "/precios"}]}
TWELVE: dict[str, Any] = {
    "olives": {"attribute": "sector", "is": "olivar"},
    "large": {"attribute": "hectares", "gte": 100},
    "bosses": {"attribute": "job_title", "contains_any": ["propietario", "gerente"]},
    "prices-thrice": PRICES | {"times": {"at_least": 3}, "within_days": 30},
    "saw-prices": PRICES,
    "silent": {"event": "any", "times": {"at_most": 0}, "within_days": 60},
    "downloaded": {"event": "download", "within_days": 90},
    "not-bought": {"all": [{"event": "quote_requested"}, {"not": {"event": "purchase"}}]},
    "active-olives": {"all": [{"segment": "olives"}, {"event": "page", "times": {"at_least": 2}, "within_days": 14}]},
    "ready": {"all": [{"attribute": "hectares", "gte": 50}, PRICES | {"within_days": 30}]},
    "customers": {"stage": "customer"},
    "hot": {"all": [{"temperature": "hot"}, {"not": {"stage": "customer"}}]},
}


def measure() -> list[Result]:
    leads, fewer = int(os.environ.get("LEADS", "100000")), int(os.environ.get("FEWER", "0"))
    found = figures(leads)
    scan = found["scan"]
    limits = {
        "many": LIMIT_MANY,
        "build": LIMIT_BUILD,
        "batch": LIMIT_BATCH,
        "estimate": LIMIT_COUNT,
        "count": LIMIT_COUNT,
    }
    results = []
    for name, ms in found.items():
        limit = limits.get(name.split(" ")[0])
        if limit:
            measured = f"{ms:.0f} ms, {ms / scan:.2f} scans"
            results.append(Result(f"{name}, {leads:,} leads", measured, f"< {limit} ms", ms < limit))
    times = found["naive"] * leads / NAIVE_LEADS / found["build prices-thrice"]
    least = f">= {LEAST_TIMES_NAIVE} x"
    beside = "build prices-thrice beside the ORM lead by lead"
    results.append(Result(beside, f"{times:.0f} x", least, times >= LEAST_TIMES_NAIVE))
    if fewer:
        small = figures(fewer)
        growth = {name: found[name] / small[name] for name in found if name.startswith(("build", "count"))}
        worst = max(growth, key=lambda name: growth[name])
        allowed = LIMIT_GROWTH * leads / fewer / 10
        results.append(Result(f"{leads:,} beside {fewer:,} leads: {worst}", f"{growth[worst]:.1f} x",
                              f"<= {allowed:.0f} x", growth[worst] <= allowed))  # fmt: skip
    return results


def figures(leads: int) -> dict[str, float]:
    """{what: ms}"""
    kept = os.environ.get("LISTS_DATA")
    with open_folder() as folder:
        data = Path(kept or folder) / str(leads)
        environ = {**os.environ, "CULTIVA_DATA": str(data), "CULTIVA_DEMO": "1", "PYTHONPATH": str(ROOT)}
        for words in (["-m", "cultiva", "migrate"], ["-m", "cultiva", "demo", "--leads", str(leads)]):
            subprocess.run([sys.executable, *words], cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)
        inside = [sys.executable, "-m", "bench.segments", str(leads)]
        printed = subprocess.run(inside, cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE, text=True).stdout
        return dict(json.loads(printed.splitlines()[-1]))


def inside() -> None:
    from cultiva.cli.environment import product

    with product():
        from cultiva.accounts.actions import find_workspace
        from cultiva.lib import clock
        from cultiva.lib.database import execute

        workspace = find_workspace("riega")
        assert workspace is not None
        execute("SET jit = off")
        print(json.dumps(run(workspace.id, clock.now(), int(sys.argv[1]))))


def run(workspace_id: int, at: Any, leads: int) -> dict[str, float]:
    from cultiva.criteria.language import parse
    from cultiva.leads.attributes import define, definitions
    from cultiva.lib.database import fetch_all, workspace_scope
    from cultiva.segments.actions import delete_segment, save_segment
    from cultiva.segments.building import build_one
    from cultiva.segments.counting import count, estimate

    found: dict[str, float] = {}
    for name in [*(f"many-{number}" for number in range(MANY)), *reversed(TWELVE)]:
        if segment := _segment(workspace_id, name):
            delete_segment(workspace_id=workspace_id, segment_id=segment.id, by="bench", at=at)
    with workspace_scope(workspace_id):
        for key in {"sector", "hectares", "job_title"} - definitions(workspace_id, "lead").keys():
            define(workspace_id=workspace_id, subject="lead", key=key, type="text", at=at)
        found["scan"] = timed(lambda: fetch_all(
            "SELECT count(*), max(n) FROM (SELECT lead_id, count(*) AS n FROM lead_event WHERE workspace_id = %s"
            " GROUP BY lead_id) s", [workspace_id]))  # fmt: skip
    for name, criteria in TWELVE.items():
        segment = save_segment(workspace_id=workspace_id, name=name, criteria=criteria, by="bench", at=at)
        build = partial(build_one, workspace_id=workspace_id, segment_id=segment.id, at=at, tells=False)
        found[f"build {name}"] = timed(build)
    found["naive"] = timed(partial(ask_lead_by_lead, workspace_id, at))
    for name in ("prices-thrice", "active-olives", "large"):
        asked = {"workspace_id": workspace_id, "node": parse(TWELVE[name]), "at": at}
        found[f"estimate {name}"] = timed(partial(estimate, **asked))
        found[f"count {name}"] = timed(partial(count, **asked))
    times = sorted(batch(workspace_id, number, at) for number in range(ROUNDS))
    found[f"batch of {EVENTS} events"] = times[ROUNDS // 2]
    if leads <= LEADS_FOR_MANY:
        with_many(workspace_id, at)
        times = sorted(batch(workspace_id, number, at) for number in range(ROUNDS, 2 * ROUNDS))
        found[f"many segments ({MANY}): batch of {EVENTS} events"] = times[ROUNDS // 2]
    return found


def with_many(workspace_id: int, at: Any) -> None:
    """As many live segments as a large workspace has: other limits, windows and pages in the same twelve shapes."""
    from cultiva.segments.actions import save_segment
    from cultiva.segments.building import build_one

    for number in range(MANY - len(TWELVE)):
        key = f"many-{number}"
        if _segment(workspace_id, key):
            continue
        segment = save_segment(workspace_id=workspace_id, name=key, criteria=varied(number), by="bench", at=at)
        build_one(workspace_id=workspace_id, segment_id=segment.id, at=at, tells=False)


def varied(number: int) -> Any:
    """One of the twelve shapes, with a limit, a window and a page of its own."""
    days, times, path = 7 + number % 80, 1 + number % 6, ("/", "/precios", "/casos", "/guias")[number % 4]
    olives, large = {"attribute": "sector", "is": "olivar"}, {"attribute": "hectares", "gte": number}
    visited = {"event": "page", "where": [{"property": "path", "starts_with": path}]}
    lately = visited | {"within_days": days}
    return (
        {"all": [olives, large]},
        large,
        {"all": [{"attribute": "job_title", "contains_any": ["propietario", "gerente"]}, large]},
        lately | {"times": {"at_least": times}},
        visited | {"times": {"at_least": times}},
        {"event": "any", "times": {"at_most": times}, "within_days": days},
        {"event": "download", "within_days": days},
        {"all": [{"event": "quote_requested", "within_days": days}, {"not": {"event": "purchase"}}]},
        {"all": [{"segment": "olives"}, lately | {"times": {"at_least": 1 + times}}]},
        {"all": [large, lately]},
        {"all": [{"stage": "customer"}, large]},
        {"all": [{"temperature": "hot"}, {"not": {"stage": "customer"}}, large]},
    )[number % 12]


def ask_lead_by_lead(workspace_id: int, at: Any) -> None:
    """`prices-thrice` of the newest leads."""
    from datetime import timedelta

    from cultiva.events.models import Event
    from cultiva.leads.models import Lead, VisitorLink
    from cultiva.lib.database import workspace_scope

    with workspace_scope(workspace_id):
        members = []
        for lead in Lead.objects.filter(workspace_id=workspace_id).order_by("-created_at", "-id")[:NAIVE_LEADS]:
            visitors = VisitorLink.objects.filter(workspace_id=workspace_id, lead=lead).values_list("visitor")
            visits = Event.objects.filter(
                workspace_id=workspace_id, visitor__in=visitors, kind="page", occurred_at__lte=at,
                occurred_at__gt=at - timedelta(days=30), properties__path__startswith="/precios",
            )  # fmt: skip
            if visits.exclude(actor="machine").count() >= 3:
                members.append(lead.id)


def _segment(workspace_id: int, key: str) -> Any:
    from cultiva.lib.database import workspace_scope
    from cultiva.segments.actions import find_segment

    with workspace_scope(workspace_id):
        return find_segment(workspace_id, key)


def batch(workspace_id: int, number: int, at: Any) -> float:
    """Both steps of `flow` on new events of some hundred leads, others in each round, as when a newsletter went out."""
    import uuid

    from cultiva.events.actions import NewEvent, record_events
    from cultiva.events.batch import Batch
    from cultiva.lib.database import fetch_all, workspace_scope
    from cultiva.segments.refreshing import refresh, refresh_states

    with workspace_scope(workspace_id):
        picked = (
            "SELECT lead_id FROM lead_state WHERE workspace_id = %s ORDER BY hashint8extended(lead_id, %s) LIMIT %s"
        )
        leads = sorted(row["lead_id"] for row in fetch_all(picked, [workspace_id, number, EVENTS // 2]))
        marked = (
            "INSERT INTO segment_known (workspace_id, lead_id) SELECT %s, unnest(%s::bigint[])"
            " ON CONFLICT DO NOTHING RETURNING 1"
        )
        fetch_all(marked, [workspace_id, leads])
        paths = ["/", "/precios", "/precios/calculadora", "/casos"]
        events = [
            NewEvent(kind="page", message_id=str(uuid.uuid4()), occurred_at=at, lead_id=leads[n % len(leads)],
                     properties={"path": paths[n % 4]})
            for n in range(EVENTS)
        ]  # fmt: skip
        new = record_events(workspace_id=workspace_id, events=events, received_at=at, queue=False)
        work = Batch(workspace_id=workspace_id, at=at, events=list(new), lead_ids=leads)
        return timed(partial(refresh, work)) + timed(partial(refresh_states, work))


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    inside()
