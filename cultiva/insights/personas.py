"""How each persona's leads do: how far they come, what they take, where they come from."""

from dataclasses import dataclass
from typing import Any

from cultiva.lib.database import fetch_all, load_sql

RUNGS = ("marketing_qualified", "sales_qualified", "opportunity", "customer", "service_qualified")
SHOWN = ("marketing_qualified", "sales_qualified", "customer")
MOST_CLOSEST = 10
MOST_ORIGINS = 1000  # leads whose first acts are read


@dataclass(frozen=True)
class PersonaReport:
    """funnel: [(stage, leads that ever reached it)], `valid` first: who is not valid has no persona. magnets: [{magnet,
    leads, share, lift, customers}]. campaigns and sources: [{name, leads}], a name is empty where none is known.
    scores: [{low, high, leads}]. closest: leads with their closeness and state."""

    funnel: list[tuple[str, int]]
    magnets: list[dict[str, Any]]
    campaigns: list[dict[str, Any]]
    sources: list[dict[str, Any]]
    scores: list[dict[str, Any]]
    closest: list[dict[str, Any]]


def persona_sizes(*, workspace_id: int) -> dict[str, dict[str, Any]]:
    """{persona: {leads, confidence}}; confidence is the mean."""
    rows = fetch_all(load_sql("insights", "persona_sizes"), {"workspace": workspace_id})
    return {row["persona"]: row for row in rows}


def persona_report(*, workspace_id: int, persona: str) -> PersonaReport:
    where = {"workspace": workspace_id, "persona": persona, "rungs": list(RUNGS), "width": 10}
    reached = {row["rung"]: row["leads"] for row in fetch_all(load_sql("insights", "persona_funnel"), where)}
    origins = fetch_all(load_sql("insights", "persona_origins"), where | {"most": MOST_ORIGINS})
    return PersonaReport(
        funnel=[("valid", reached[0]), *((stage, reached[RUNGS.index(stage) + 1]) for stage in SHOWN)],
        magnets=fetch_all(load_sql("insights", "persona_magnets"), where),
        campaigns=[row for row in origins if row["kind"] == "campaign"],
        sources=[row for row in origins if row["kind"] == "source"],
        scores=fetch_all(load_sql("insights", "persona_scores"), where),
        closest=fetch_all(load_sql("insights", "persona_closest"), where | {"most": MOST_CLOSEST}),
    )
