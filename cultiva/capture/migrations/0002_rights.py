from django.db import migrations

from cultiva.lib.tables import APPEND, workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [("capture", "0001_initial"), ("leads", "0002_rights")]

    operations = [
        workspace_table("form_version", grants=APPEND),
        workspace_table("submission", key=""),
        workspace_reference("submission", "lead_id", "lead"),
        workspace_reference("submission", "form_id", "form_version"),
    ]
