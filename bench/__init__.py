"""Benchmarks: one file a claim, each against its limit and, where it is a ratio, against a baseline in the same run."""

import importlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """What was claimed, what was measured, the limit, and whether it holds."""

    claim: str
    measured: str
    limit: str
    holds: bool


def measure(name: str) -> list[Result]:
    """Of one file."""
    found: list[Result] = importlib.import_module(f"bench.{name}").measure()
    return found
