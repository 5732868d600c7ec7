"""What follows in `flow`: that somebody came to what they were given, and what who brought somebody gets."""

import json

from cultiva.events.actions import NewEvent, record_events
from cultiva.events.batch import Batch
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.plugins import plugins
from cultiva.magnets.actions import grant_magnet, is_set_aside, kind_of_grant


def note_opened(batch: Batch) -> None:
    """Step of `flow`: the first time that somebody, and no program, came to a magnet."""
    names = {kind.opens_as for kind in plugins("kinds").values()}
    opened = [
        {"lead": event.lead_id, "magnet": event.properties.get("magnet"), "at": event.occurred_at.isoformat()}
        for event in batch.of_kind("track")
        if event.is_ours and event.name in names and event.actor != "machine"
    ]
    if opened:
        execute(load_sql("magnets", "note_opened"), {"workspace": batch.workspace_id, "rows": json.dumps(opened)})


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
