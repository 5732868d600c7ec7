from django.db import migrations

from cultiva.lib.tables import workspace_reference, workspace_table

# What is packed already would only be packed again for nothing.
AS_IT_IS = "ALTER TABLE bulk_part ALTER COLUMN content SET STORAGE EXTERNAL"


class Migration(migrations.Migration):
    dependencies = [("bulk", "0001_initial"), ("leads", "0002_rights")]

    operations = [
        workspace_table("bulk_action"),
        workspace_table("bulk_lead", key=""),
        workspace_table("bulk_part", key=""),
        # No reference to the action: the transaction that fills it holds the action's row.
        workspace_reference("bulk_lead", "lead_id", "lead"),
        workspace_reference("bulk_part", "action_id", "bulk_action"),
        migrations.RunSQL(AS_IT_IS, migrations.RunSQL.noop),
    ]
