"""View `lead_event` tells of an event that staff marked that a machine did it."""

from django.db import migrations

ACTOR = """CASE WHEN EXISTS (SELECT FROM machine_event x WHERE x.workspace_id = e.workspace_id AND x.event_id = e.id)
              THEN 'machine' ELSE e.actor END AS actor"""
LEAD_EVENT = f"""
CREATE OR REPLACE VIEW lead_event WITH (security_invoker = true) AS
  SELECT e.workspace_id, e.lead_id, e.id, e.kind, e.name, e.occurred_at, e.received_at, {ACTOR},
         e.properties, e.folded, e.source_id, e.visitor, e.context
    FROM event e WHERE e.lead_id IS NOT NULL
  UNION ALL
  SELECT v.workspace_id, v.lead_id, e.id, e.kind, e.name, e.occurred_at, e.received_at, {ACTOR},
         e.properties, e.folded, e.source_id, e.visitor, e.context
    FROM visitor_link v JOIN event e ON e.workspace_id = v.workspace_id AND e.visitor = v.visitor
   WHERE e.lead_id IS NULL
  UNION ALL
  SELECT a.workspace_id, a.lead_id, e.id, e.kind, e.name, e.occurred_at, e.received_at, {ACTOR},
         e.properties, e.folded, e.source_id, e.visitor, e.context
    FROM lead_alias a JOIN event e ON e.workspace_id = a.workspace_id AND e.lead_id = a.merged_id;
"""


class Migration(migrations.Migration):
    dependencies = [("leads", "0013_filtered_lists"), ("events", "0009_machine_events")]

    operations = [migrations.RunSQL(LEAD_EVENT, migrations.RunSQL.noop)]
