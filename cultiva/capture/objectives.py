"""What leads came for: the objective of the first and of the latest form they sent."""

from collections.abc import Sequence
from dataclasses import dataclass

from cultiva.lib.database import fetch_all, load_sql


@dataclass(frozen=True)
class Objectives:
    first: str
    latest: str


def objectives_of(*, workspace_id: int, lead_ids: Sequence[int]) -> dict[int, Objectives]:
    """{lead: objectives} of those who sent a form."""
    if not lead_ids:
        return {}
    parameters = {"workspace": workspace_id, "leads": list(lead_ids)}
    rows = fetch_all(load_sql("capture", "objectives"), parameters)
    return {row["lead_id"]: Objectives(row["first"], row["latest"]) for row in rows}
