"""What leads buy: orders, subscriptions and checkouts, by the reserved events of Segment's commerce specification
(https://segment.com/docs/connections/spec/ecommerce/v2/)."""

from collections.abc import Sequence

from cultiva.events.actions import LedgerEvent
from cultiva.events.batch import Batch
from cultiva.events.verdicts import is_verdict
from cultiva.lib.database import execute, load_sql

RESERVED = (
    "Checkout Started", "Order Completed", "Order Updated", "Order Refunded", "Order Cancelled",
    "Subscription Started", "Subscription Renewed", "Subscription Cancelled",
)  # fmt: skip
LINKING = ("identify", "alias")  # may bring a visitor, and so earlier orders, to a lead


def count_conversions(batch: Batch) -> None:
    """Step of `flow`: bring the conversions of those leads up to date whose orders may have changed."""
    told = {event.lead_id for event in batch.events}
    sold = {event.lead_id for event in batch.events if _may_change_sales(event)}
    # A lead without an event of its own in the batch was touched by a new link, or by a merge.
    lead_ids = [lead_id for lead_id in batch.lead_ids if lead_id in sold or lead_id not in told]
    recount(workspace_id=batch.workspace_id, lead_ids=lead_ids)


def _may_change_sales(event: LedgerEvent) -> bool:
    return event.name in RESERVED or event.kind in LINKING or is_verdict(event)


def recount(*, workspace_id: int, lead_ids: Sequence[int]) -> None:
    """Compute the conversions of leads anew from the whole ledger; safe to repeat."""
    if lead_ids:
        execute(load_sql("leads", "count_conversions"), {"workspace": workspace_id, "leads": list(lead_ids)})
