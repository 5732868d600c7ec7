"""Where leads wait for the steps of `flow`, each with its new events.

Who holds a lead's row of state works on that lead, so one lead is in one batch at a time.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain

from cultiva.events.actions import LedgerEvent
from cultiva.events.batch import Batch
from cultiva.lib.database import execute, fetch_all, load_sql


def put_in_inbox(batch: Batch) -> None:
    """The leads a batch of arrivals touched wait with its events; one touched by a new link alone, without."""
    rows = [(event.lead_id, event.id, event.received_at) for event in batch.events if event.lead_id is not None]
    have_events = {lead_id for lead_id, _, _ in rows}
    touched = [(lead_id, None, None) for lead_id in batch.lead_ids if lead_id not in have_events]
    touch(batch.workspace_id, list(chain(rows, touched)))


def touch(workspace_id: int, rows: Sequence[tuple[int | None, int | None, datetime | None]]) -> None:
    """Let leads wait: (lead, event, received at), the last two None where no event is to be worked on."""
    if rows:
        leads, events, received = (list(column) for column in zip(*rows, strict=True))
        parameters = {"workspace": workspace_id, "leads": leads, "events": events, "received": received}
        execute(load_sql("leads", "put_in_inbox"), parameters)


def waiting_leads(*, workspace_id: int, after: int, limit: int) -> list[int]:
    """Leads of the next `limit` rows behind lead `after`, ascending."""
    parameters = {"workspace": workspace_id, "after": after, "limit": limit}
    return [row["lead_id"] for row in fetch_all(load_sql("leads", "waiting_leads"), parameters)]


def hold_leads(*, workspace_id: int, lead_ids: Sequence[int]) -> list[int]:
    """Lock those leads that nobody else holds, until the end of the transaction; ascending."""
    if not lead_ids:
        return []
    parameters = {"workspace": workspace_id, "leads": list(lead_ids)}
    held = [row["lead_id"] for row in fetch_all(load_sql("leads", "hold_leads"), parameters)]
    if len(held) < len(lead_ids):  # others hold them, or they were merged and have no row of state
        execute(load_sql("leads", "follow_merged"), parameters)
    return held


def take_waiting(*, workspace_id: int, lead_ids: Sequence[int], limit: int) -> tuple[list[int], list[LedgerEvent]]:
    """What waits for leads that the transaction holds: those for whom something did, and their events by id.

    The statement begins after the leads are held: it sees what another worker took before.
    """
    if not lead_ids:
        return [], []
    parameters = {"workspace": workspace_id, "leads": list(lead_ids), "limit": limit}
    rows = fetch_all(load_sql("leads", "take_waiting"), parameters)
    found = sorted({row["lead_id"] for row in rows})
    return found, [LedgerEvent(**row) for row in rows if row["id"] is not None]


def put_back(*, workspace_id: int, failure_id: int) -> None:
    """The events of a failure wait with their lead again."""
    execute(load_sql("leads", "put_back"), {"workspace": workspace_id, "failure": failure_id})


def take_out_lead(*, workspace_id: int, lead_id: int) -> list[tuple[int, datetime]]:
    """Empty one lead's inbox; its events as (id, received at)."""
    rows = fetch_all(load_sql("leads", "take_out_lead"), {"workspace": workspace_id, "lead": lead_id})
    return [(row["event_id"], row["received_at"]) for row in rows if row["event_id"] is not None]
