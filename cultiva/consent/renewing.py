"""What time does to consents: a confirmation is reminded of once, a consent about to end is told, and who never proved
their address is not kept."""

import json
from datetime import datetime, timedelta

from cultiva.consent.jurisdictions import months_before
from cultiva.consent.rules import rules_of
from cultiva.events.actions import NewEvent
from cultiva.leads.actions import tell
from cultiva.lib.database import fetch_all, load_sql, workspace_scope

REMIND_AFTER = timedelta(hours=24)


def remind_pending(*, workspace_id: int, at: datetime) -> int:
    """Ask once more for confirmations of a day ago; `mailing` answers. Returns how many."""
    with workspace_scope(workspace_id):
        parameters = {"workspace": workspace_id, "at": at, "asked_before": at - REMIND_AFTER}
        rows = fetch_all(load_sql("consent", "remind_pending"), parameters)
        told = [
            NewEvent(
                kind="consent", name="confirmation_reminded", message_id=f"reminder:{row['id']}", occurred_at=at,
                lead_id=row["lead_id"], by="system", properties={"reminder": row["id"]},
            )
            for row in rows
        ]  # fmt: skip
        tell(told, workspace_id=workspace_id, at=at, into=None)
    return len(rows)


def tell_expiring(*, workspace_id: int, at: datetime) -> int:
    """Tell the ledger of consents about to end, so that a workflow can ask for them anew. Returns how many."""
    with workspace_scope(workspace_id):
        rules = rules_of(workspace_id)
        soon = at + timedelta(days=rules.jurisdiction.renew_days_before)
        before = {name: months_before(soon, n).isoformat() for name, n in rules.expires_after_months.items()}
        if not before:
            return 0
        parameters = {"workspace": workspace_id, "at": at, "given_before": json.dumps(before)}
        rows = fetch_all(load_sql("consent", "expiring_consents"), parameters)
        told = [
            NewEvent(
                kind="consent", name="expiring", occurred_at=at, lead_id=row["lead_id"], by="system",
                message_id=f"expiring:{row['id']}:{row['given_at'].date()}",
                properties={"purpose": row["purpose"], "channel": row["channel"]},
            )
            for row in rows
        ]  # fmt: skip
        tell(told, workspace_id=workspace_id, at=at, into=None)
    return len(rows)


def unconfirmed_leads(*, workspace_id: int, at: datetime) -> list[int]:
    """Who is not to be kept any longer: some days without a proof of the address, and no request that stands."""
    days = rules_of(workspace_id).unconfirmed_days
    parameters = {"workspace": workspace_id, "before": at - timedelta(days=days)}
    return [row["id"] for row in fetch_all(load_sql("consent", "unconfirmed_leads"), parameters)]
