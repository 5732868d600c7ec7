from django.db import migrations

from cultiva.lib.tables import definer_function, workspace_reference, workspace_table

# Leads that wait for the steps of flow, with their new events; no event: something else about the lead changed.
INBOX = """
CREATE TABLE lead_inbox (
  workspace_id bigint NOT NULL,
  lead_id bigint NOT NULL,
  event_id bigint,
  received_at timestamptz,
  UNIQUE (workspace_id, lead_id, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
"""
# Asked many times a second: one probe of an index a column.
WAITING = """
SELECT * FROM (
  SELECT w.id,
         EXISTS (SELECT FROM event_inbox i WHERE i.workspace_id = w.id) AS has_events,
         EXISTS (SELECT FROM lead_inbox i WHERE i.workspace_id = w.id) AS has_leads,
         EXISTS (SELECT FROM flow_failure f WHERE f.workspace_id = w.id) AS has_failures
    FROM workspace w) each
 WHERE has_events OR has_leads OR has_failures ORDER BY id
"""
BACKLOG = """
SELECT w.id, w.slug::text, coalesce(e.n, 0), coalesce(l.n, 0), least(e.oldest, l.oldest), coalesce(f.retried, 0),
       coalesce(f.aside, 0)
  FROM workspace w
  LEFT JOIN (SELECT workspace_id, count(*) AS n, min(received_at) AS oldest FROM event_inbox GROUP BY 1) e
    ON e.workspace_id = w.id
  LEFT JOIN (SELECT workspace_id, count(*) AS n, min(received_at) AS oldest FROM lead_inbox GROUP BY 1) l
    ON l.workspace_id = w.id
  LEFT JOIN (SELECT workspace_id, count(next_try_at) AS retried, count(set_aside_at) AS aside
               FROM flow_failure GROUP BY 1) f ON f.workspace_id = w.id
 ORDER BY w.id
"""


class Migration(migrations.Migration):
    dependencies = [("leads", "0004_identity_rights"), ("events", "0005_flow")]

    operations = [
        migrations.RunSQL(INBOX, migrations.RunSQL.noop),
        workspace_table("lead_inbox", key=""),
        workspace_reference("lead_inbox", "lead_id", "lead", on_delete="CASCADE"),
        definer_function(
            "flow_waiting()",
            WAITING,
            returns="TABLE (workspace_id bigint, has_events boolean, has_leads boolean, has_failures boolean)",
        ),
        definer_function(
            "flow_backlog()",
            BACKLOG,
            returns="TABLE (workspace_id bigint, slug text, events bigint, leads bigint, oldest timestamptz,"
            " retried bigint, set_aside bigint)",
        ),
    ]
