from django.db import migrations

from cultiva.lib.tables import APPEND, workspace_reference, workspace_table

# Mail that somebody waits for (a sign-in link) never queues behind a newsletter: it has its own end of the index.
QUEUE = """
CREATE INDEX outbox_due ON outbox (workspace_id, (purpose = 'transactional'), not_before, id)
  WHERE state IN ('ready', 'retry');
CREATE INDEX outbox_leases ON outbox (workspace_id, lease_until) WHERE state IN ('claimed', 'sending');
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000);
"""


class Migration(migrations.Migration):
    dependencies = [("mailing", "0001_initial"), ("leads", "0002_rights")]

    operations = [
        workspace_table("template_version", grants=APPEND),
        workspace_table("outbox"),
        workspace_reference("outbox", "lead_id", "lead"),
        workspace_reference("outbox", "template_id", "template_version"),
        workspace_table("mailbox_message"),
        migrations.RunSQL(QUEUE, migrations.RunSQL.noop),
    ]
