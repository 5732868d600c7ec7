"""How many meet criteria that are still being written: an estimate first, then the exact number and some of them."""

from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Any

from cultiva.accounts.models import Workspace
from cultiva.criteria.conditions.tag import TAGS
from cultiva.criteria.language import Node
from cultiva.criteria.personas import reads_with
from cultiva.events.actions import SKEW
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.segments.building import is_small, whole_ledger
from cultiva.segments.compile import Judging, Wanted, judge
from cultiva.segments.standing import personas_of

SAMPLE = 1500  # leads: the estimate is within 3 in 100 of all leads, 19 times of 20
SHOWN = 10


@dataclass(frozen=True)
class Estimate:
    """About how many leads, within `margin`; a margin of 0 says that it is exact."""

    count: int
    margin: int
    of: int  # leads there are


@dataclass(frozen=True)
class Count:
    """How many leads exactly, and the newest of them by id. `not_valid` more meet the criteria and are left out
    because they did not accept the data-protection policy."""

    count: int
    not_valid: int
    lead_ids: list[int]


def estimate(*, workspace_id: int, node: Node, at: datetime, takes_only_valid: bool = True) -> Estimate:
    """From a sample of the leads; exact where they are few."""
    with workspace_scope(workspace_id):
        of = int(fetch_all(load_sql("segments", "leads_there_are"), {"workspace": workspace_id})[0]["n"])
        if is_small(workspace_id):
            found = count(workspace_id=workspace_id, node=node, at=at, takes_only_valid=takes_only_valid)
            return Estimate(found.count, 0, of)
        share = {"workspace": workspace_id, "percent": 100 * SAMPLE / of}
        leads = [row["lead_id"] for row in fetch_all(load_sql("segments", "sample_of_leads"), share)]
        judging = judge(
            [Wanted(0, node, takes_only_valid)], timezone=_zone(workspace_id), personas=personas_of(workspace_id),
            with_edges=False,
        )  # fmt: skip
        more = {"leads": leads, "asked": ["1"] * len(leads)}
        held = fetch_all(
            f"WITH {judging.steps} SELECT count(*) AS n FROM judged WHERE holds",  # noqa: S608
            _parameters(workspace_id, judging, at) | more,
        )[0]["n"]
    part = held / max(1, len(leads))
    error = 1.96 * sqrt(max(part * (1 - part), 1 / max(1, len(leads))) / max(1, len(leads)))
    return Estimate(round(part * of), max(1, round(error * of)), of)


def count(*, workspace_id: int, node: Node, at: datetime, takes_only_valid: bool = True) -> Count:
    with workspace_scope(workspace_id):
        looks_into_lists = TAGS in reads_with(node, personas_of(workspace_id)).attributes
        return _count(workspace_id, node, at, takes_only_valid=takes_only_valid, looks_into_lists=looks_into_lists)


def _count(workspace_id: int, node: Node, at: datetime, *, takes_only_valid: bool, looks_into_lists: bool) -> Count:
    judging = judge(
        [Wanted(0, node, False)], timezone=_zone(workspace_id), personas=personas_of(workspace_id), everybody=True,
        with_edges=False, looks_into_lists=looks_into_lists,
    )  # fmt: skip
    statement = load_sql("segments", "count_judged")
    parameters = _parameters(workspace_id, judging, at) | {"only_valid": takes_only_valid, "shown": SHOWN}
    with whole_ledger():
        row = fetch_all(f"WITH {judging.steps}, {statement}", parameters)[0]
    if row["unknown"]:
        return _count(workspace_id, node, at, takes_only_valid=takes_only_valid, looks_into_lists=True)
    return Count(row["n"], row["not_valid"], row["leads"])


def _parameters(workspace_id: int, judging: Judging, at: datetime) -> dict[str, Any]:
    return {**judging.parameters, "workspace": workspace_id, "at": at, "until": at + SKEW}


def _zone(workspace_id: int) -> str:
    return Workspace.objects.values_list("time_zone", flat=True).get(id=workspace_id)
