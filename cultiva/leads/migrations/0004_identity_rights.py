from django.db import migrations

from cultiva.lib.tables import workspace_reference, workspace_table

# Events of a lead: our own records, those of every visitor who turned out to be this lead, and those of the leads
# that were merged into it.
LEAD_EVENT = """
CREATE OR REPLACE VIEW lead_event WITH (security_invoker = true) AS
  SELECT e.workspace_id, e.lead_id, e.id, e.kind, e.name, e.occurred_at, e.received_at, e.actor,
         e.properties, e.folded, e.source_id, e.visitor, e.context
    FROM event e WHERE e.lead_id IS NOT NULL
  UNION ALL
  SELECT v.workspace_id, v.lead_id, e.id, e.kind, e.name, e.occurred_at, e.received_at, e.actor,
         e.properties, e.folded, e.source_id, e.visitor, e.context
    FROM visitor_link v JOIN event e ON e.workspace_id = v.workspace_id AND e.visitor = v.visitor
   WHERE e.lead_id IS NULL
  UNION ALL
  SELECT a.workspace_id, a.lead_id, e.id, e.kind, e.name, e.occurred_at, e.received_at, e.actor,
         e.properties, e.folded, e.source_id, e.visitor, e.context
    FROM lead_alias a JOIN event e ON e.workspace_id = a.workspace_id AND e.lead_id = a.merged_id;
"""


class Migration(migrations.Migration):
    dependencies = [("leads", "0003_identity"), ("events", "0003_sources")]

    operations = [
        workspace_table("company"),
        workspace_reference("lead", "company_id", "company"),
        workspace_reference("lead", "merged_into_id", "lead"),
        workspace_table("lead_alias", key=""),
        workspace_reference("lead_alias", "lead_id", "lead"),
        workspace_reference("lead_alias", "merged_id", "lead"),
        workspace_table("attribute", key=""),
        workspace_table("attribute_misfit", key=""),
        migrations.RunSQL(LEAD_EVENT, migrations.RunSQL.noop),
    ]
