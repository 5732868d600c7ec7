from django.db import migrations

from cultiva.lib.tables import APPEND, workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [("magnets", "0001_initial"), ("leads", "0002_rights")]

    operations = [
        workspace_table("magnet_version", grants=APPEND),
        workspace_table("magnet_file", grants=APPEND),
        workspace_table("magnet_grant", key=""),
        workspace_reference("magnet_grant", "lead_id", "lead"),
    ]
