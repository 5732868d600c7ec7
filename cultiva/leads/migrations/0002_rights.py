from django.db import migrations

from cultiva.lib.tables import CURRENT_WORKSPACE, definer_function, workspace_reference, workspace_table

# Events of a lead: our own records, and those of every visitor who turned out to be this lead.
LEAD_EVENT = """
CREATE VIEW lead_event WITH (security_invoker = true) AS
  SELECT e.workspace_id, e.lead_id, e.id, e.kind, e.name, e.occurred_at, e.received_at, e.actor,
         e.properties, e.folded
    FROM event e WHERE e.lead_id IS NOT NULL
  UNION ALL
  SELECT v.workspace_id, v.lead_id, e.id, e.kind, e.name, e.occurred_at, e.received_at, e.actor,
         e.properties, e.folded
    FROM visitor_link v JOIN event e ON e.workspace_id = v.workspace_id AND e.visitor = v.visitor
   WHERE e.lead_id IS NULL;
GRANT SELECT ON lead_event TO cultiva_app;
"""


class Migration(migrations.Migration):
    dependencies = [("leads", "0001_initial"), ("events", "0002_rights")]

    operations = [
        workspace_table("lead"),
        workspace_table("visitor_link", key=""),
        workspace_reference("visitor_link", "lead_id", "lead"),
        workspace_table("lead_state", key=""),
        workspace_reference("lead_state", "lead_id", "lead"),
        migrations.RunSQL(LEAD_EVENT, migrations.RunSQL.noop),
        migrations.RunSQL("CREATE EXTENSION IF NOT EXISTS pg_trgm", migrations.RunSQL.noop),
        migrations.RunSQL(
            "CREATE INDEX lead_search ON lead USING gin (search_text gin_trgm_ops)", migrations.RunSQL.noop
        ),
        # LIKE is not leakproof, so row-level security would hide the trigram index from a plain query.
        definer_function(
            "lead_search(words text[])",
            f"SELECT id FROM lead WHERE workspace_id = {CURRENT_WORKSPACE} AND search_text LIKE ALL (words)",
            returns="SETOF bigint",
        ),
        migrations.RunSQL(
            "CREATE INDEX lead_state_stage ON lead_state (workspace_id, stage, stage_since)", migrations.RunSQL.noop
        ),
        migrations.RunSQL(
            "CREATE INDEX lead_state_score ON lead_state"
            " (workspace_id, coalesce(score, '-infinity'::float8) DESC, lead_id DESC);"
            "CREATE INDEX lead_state_seen ON lead_state"
            " (workspace_id, coalesce(last_seen_at, '-infinity'::timestamptz) DESC, lead_id DESC)",
            migrations.RunSQL.noop,
        ),
    ]
