from django.db import migrations

from cultiva.lib.tables import APPEND, workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0001_initial"), ("leads", "0002_rights")]

    operations = [
        workspace_table("lifecycle_version", grants=APPEND),
        workspace_table("stage_change", grants=APPEND),
        workspace_reference("stage_change", "lead_id", "lead"),
    ]
