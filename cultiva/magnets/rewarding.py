"""What who brought somebody gets, once the new lead is valid."""

from cultiva.events.actions import NewEvent, record_events
from cultiva.events.batch import Batch
from cultiva.lib.database import fetch_all, load_sql
from cultiva.magnets.actions import grant_magnet, is_set_aside, kind_of_grant


def reward(batch: Batch) -> None:
    """Step of `flow`: leads of this batch whom somebody brought and who are valid now; their referrers are rewarded.

    The referrers are not of this batch: what is told of them waits in the inbox for one of their own.
    """
    leads = [event.lead_id for event in batch.of_kind("consent") if event.lead_id]
    if not leads:
        return
    parameters = {"workspace": batch.workspace_id, "leads": leads, "at": batch.at}
    found = fetch_all(load_sql("magnets", "reward_referrals"), parameters)
    for row in found:
        grant = grant_magnet(
            workspace_id=batch.workspace_id, lead_id=row["referrer_id"], magnet=row["reward"], at=batch.at,
            via="referral", origin={"referral": row["id"]},
        )  # fmt: skip
        kind = kind_of_grant(grant)
        if grant.origin.get("referral") != row["id"] and is_set_aside(kind.kind):
            kind.grant(grant, batch.at, cause=f"referral:{row['id']}")
    told = [
        NewEvent(
            kind="track", name="referral_rewarded", message_id=f"rewarded:{row['id']}", occurred_at=batch.at,
            lead_id=row["referrer_id"], by="system", actor="machine",
            properties={"magnet": row["reward"], "referral": row["id"]},
        )
        for row in found
    ]  # fmt: skip
    record_events(workspace_id=batch.workspace_id, events=told, received_at=batch.at)
