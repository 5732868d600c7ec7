"""How scores are spread."""

from typing import Any

from cultiva.lib.database import fetch_all, load_sql


def score_distribution(*, workspace_id: int, model_id: int, width: int = 10) -> list[dict[str, Any]]:
    """[{low, high, leads}] of every interval of `width` points from the lowest score to the highest."""
    return fetch_all(
        load_sql("insights", "score_distribution"), {"workspace": workspace_id, "model": model_id, "width": width}
    )
