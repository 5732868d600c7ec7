"""The rights of `app`, and what only an erasure may do to rows that nobody else can change."""

from django.db import migrations

from cultiva.lib.tables import APPEND, CURRENT_WORKSPACE, definer_function, workspace_reference, workspace_table

# What a consent says names nobody and is part of the proof; all else goes.
ERASE_EVENTS = f"""
WITH emptied AS (
  UPDATE event SET name = CASE WHEN lower(name) LIKE ANY (words) THEN '' ELSE name END, visitor = NULL, folded = NULL, context = '{{}}',
         properties = CASE WHEN kind = 'consent' AND source_id = 0 THEN properties ELSE '{{}}' END
   WHERE workspace_id = {CURRENT_WORKSPACE} AND (lead_id = ANY (leads) OR visitor = ANY (visitors))
  RETURNING 1
)
SELECT count(*) FROM emptied
"""
ERASE_STAGE_CHANGES = f"""
WITH emptied AS (
  UPDATE stage_change SET reason = '', evidence = '{{}}'
   WHERE workspace_id = {CURRENT_WORKSPACE} AND lead_id = ANY (leads)
  RETURNING 1
)
SELECT count(*) FROM emptied
"""


class Migration(migrations.Migration):
    dependencies = [
        ("privacy", "0001_initial"),
        ("events", "0007_key_age"),
        ("lifecycle", "0003_merging"),
    ]

    operations = [
        workspace_table("privacy_request"),
        workspace_reference("privacy_request", "lead_id", "lead"),
        workspace_table("privacy_step", grants=APPEND),
        workspace_reference("privacy_step", "request_id", "privacy_request"),
        workspace_table("privacy_text", grants="SELECT, INSERT, UPDATE", key=""),
        workspace_reference("privacy_text", "step_id", "privacy_step"),
        workspace_table("privacy_erasure", grants="SELECT, INSERT, UPDATE", key=""),
        workspace_reference("privacy_erasure", "lead_id", "lead"),
        workspace_reference("privacy_erasure", "request_id", "privacy_request"),
        definer_function(
            "erase_events(leads bigint[], visitors uuid[], words text[])",
            ERASE_EVENTS,
            returns="bigint",
            volatility="VOLATILE",
        ),
        definer_function(
            "erase_stage_changes(leads bigint[])", ERASE_STAGE_CHANGES, returns="bigint", volatility="VOLATILE"
        ),
    ]
