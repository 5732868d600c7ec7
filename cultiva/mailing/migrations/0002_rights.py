from django.db import migrations

from cultiva.lib.tables import APPEND, workspace_reference, workspace_table

# Mail that somebody waits for (a sign-in link) never queues behind a newsletter: it has a queue of its own.
QUEUE = """
CREATE INDEX outbox_soon ON outbox (workspace_id, not_before, id)
  WHERE state IN ('ready', 'retry') AND purpose = 'transactional';
CREATE INDEX outbox_due ON outbox (workspace_id, not_before, id)
  WHERE state IN ('ready', 'retry') AND purpose <> 'transactional';
CREATE INDEX outbox_leases ON outbox (workspace_id, lease_until) WHERE state IN ('claimed', 'sending');
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000);
-- Statistics know nothing of a workspace that has just filled its outbox: they would say "one row", and every write
-- would walk all of its mails. Without them the planner expects a share of the table.
ALTER TABLE outbox ALTER COLUMN workspace_id SET STATISTICS 0;
"""


class Migration(migrations.Migration):
    dependencies = [("mailing", "0001_initial"), ("leads", "0002_rights")]

    operations = [
        workspace_table("template_version", grants=APPEND),
        workspace_table("outbox", key=""),
        workspace_reference("outbox", "lead_id", "lead"),
        workspace_reference("outbox", "template_id", "template_version"),
        workspace_table("mailbox_message", key=""),
        migrations.RunSQL(QUEUE, migrations.RunSQL.noop),
    ]
