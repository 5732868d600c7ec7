"""Making everything that follows from the ledger anew: who is who, and the rows of leads.

Not in the ledger, and left as they are: a lead's row with its address, `source_kind` and `created_at`, the telephone
of who has nothing else, mergers and the rows of who was merged, links that a door made, when a link was made,
definitions of attributes, and the rows of companies (their attributes, names and domains as groups are read anew).
"""

from datetime import datetime

from cultiva.events.actions import LedgerEvent
from cultiva.leads.actions import lock_leads
from cultiva.leads.aliases import current_lead_ids
from cultiva.leads.identity import learn
from cultiva.leads.projecting import project_leads
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope

EVENTS, LEADS = 5000, 1000  # a chunk

KEEP_LINKS = """
CREATE TEMPORARY TABLE former_link ON COMMIT DROP AS
SELECT visitor, lead_id, linked_at FROM visitor_link WHERE workspace_id = %s AND event_id IS NOT NULL
"""
RESTORE_TIMES = """
UPDATE visitor_link l SET linked_at = f.linked_at FROM former_link f
 WHERE l.workspace_id = %s AND l.visitor = f.visitor AND l.lead_id = f.lead_id
"""


def rebuild_leads(*, workspace_id: int, at: datetime) -> int:
    """Who is who, in one transaction, then the leads in chunks; returns how many leads were read anew."""
    with workspace_scope(workspace_id):
        rebuild_identity(workspace_id=workspace_id, at=at)
    count, after = 0, 0
    while True:
        with workspace_scope(workspace_id):
            sql = "SELECT id FROM lead WHERE workspace_id = %s AND id > %s ORDER BY id LIMIT %s"
            ids = [row["id"] for row in fetch_all(sql, [workspace_id, after, LEADS])]
            if not ids:
                return count
            locked = lock_leads(workspace_id=workspace_id, lead_ids=ids)
            project_leads(workspace_id=workspace_id, lead_ids=locked, at=at)
        count, after = count + len(ids), ids[-1]


def rebuild_identity(*, workspace_id: int, at: datetime) -> None:
    """Claims, addresses, conflicts and the links that events made, by hearing every event again in their order."""
    execute("SELECT pg_advisory_xact_lock(hashtextextended('leads.identity', %s))", [workspace_id])
    execute("DROP TABLE IF EXISTS pg_temp.former_link")
    execute(KEEP_LINKS, [workspace_id])
    for statement in (
        "DELETE FROM visitor_link WHERE workspace_id = %s AND event_id IS NOT NULL",
        "DELETE FROM visitor_claim WHERE workspace_id = %s",
        "DELETE FROM lead_address WHERE workspace_id = %s",
        "DELETE FROM identity_conflict WHERE workspace_id = %s",
    ):
        execute(statement, [workspace_id])
    after = 0
    while True:
        parameters = {"workspace": workspace_id, "after": after, "limit": EVENTS}
        events = [LedgerEvent(**row) for row in fetch_all(load_sql("leads", "telling_events"), parameters)]
        if not events:
            break
        merged = current_lead_ids(workspace_id, {event.lead_id for event in events if event.lead_id is not None})
        learn(workspace_id, events, merged, at=at, may_make=False)
        after = events[-1].id
    execute(RESTORE_TIMES, [workspace_id])
