"""The process that looks for groups: a table of JSON on its input, lines of JSON on its output, the last the answer.

`python -m cultiva.segments.personas.looking` needs neither Django nor a database, stays below the memory it is given,
and gives way to everybody else.
"""

import json
import os
import resource
import sys
from dataclasses import asdict
from typing import Any

import numpy as np

from cultiva.segments.personas import clusters, portraits


def main() -> None:
    given = json.load(sys.stdin)
    _stay_small(given["memory_bytes"])
    print(json.dumps({"answer": look(given)}), flush=True)


def _stay_small(memory_bytes: int) -> None:
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))


def look(given: dict[str, Any]) -> dict[str, Any]:
    """`columns`: [{levels, is_ordered, is_for_groups, choices, rows}]; `candidates`: [{column, levels,
    takes_unknown}]; `seed`."""
    columns = given["columns"]
    rows = [[np.nan if row is None else row for row in column["rows"]] for column in columns]
    table = np.array(rows, dtype=float).T if columns else np.zeros((0, 0))
    grouped = [n for n, each in enumerate(columns) if each["is_for_groups"]]
    features = [clusters.Feature(columns[n]["levels"], columns[n]["is_ordered"]) for n in grouped]
    found = clusters.find_groups(features, table[:, grouped], seed=given["seed"], progress=_tell)
    candidates = [portraits.Candidate(**each) for each in given["candidates"]]
    choices = {n: each["choices"] for n, each in enumerate(columns) if each["choices"]}
    drawn = [portraits.draw(table, candidates, choices, group.members) for group in found.groups]
    groups = [asdict(group) | asdict(portrait) for group, portrait in zip(found.groups, drawn, strict=True)]
    return {
        "groups": groups, "why_none": found.why_none, "unstable": found.unstable, "considered": found.considered,
        "points": found.points, "memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }  # fmt: skip


def _tell(step: str, share: float) -> None:
    print(json.dumps({"step": step, "percent": round(100 * share)}), flush=True)


if __name__ == "__main__":
    main()
