"""Where new events wait for `flow`, in 64 shards: all events of one visitor in the same.

Rows are deleted by who claims them; there is no cursor. Ids commit out of order, and a transaction that stays open for
long can hold back its own events but makes nobody pass over them.
"""

import random
from collections.abc import Sequence

from cultiva.events.actions import LedgerEvent
from cultiva.lib.database import fetch_all, load_sql

SHARDS = 64  # event_shard() in migrations/0005_flow.py


def claim_arrivals(
    *, workspace_id: int, limit: int, only: Sequence[int] | None = None
) -> tuple[list[LedgerEvent], list[LedgerEvent]]:
    """Hold some shards until the end of the transaction and take their oldest events (`only`: those with these ids).

    Returns the new events, and those that are only to be counted; each by id. They come back if the transaction fails.
    """
    parameters = {"workspace": workspace_id, "only": None if only is None else list(only), "limit": limit}
    start = random.randrange(SHARDS)  # noqa: S311
    held = fetch_all(load_sql("events", "hold_shards"), {**parameters, "start": start})
    if not held:
        return [], []
    shards = [row["shard"] for row in held]
    rows = fetch_all(load_sql("events", "take_arrivals"), {**parameters, "shards": shards})
    new: list[LedgerEvent] = []
    passed_on: list[LedgerEvent] = []
    for row in rows:
        (passed_on if row.pop("is_passed_on") else new).append(LedgerEvent(**row))
    return new, passed_on


def hold_every_shard(workspace_id: int) -> None:
    """Nobody takes arrivals of this workspace until the end of the transaction."""
    fetch_all(load_sql("events", "hold_every_shard"), {"workspace": workspace_id})
