from django.db import migrations

from cultiva.lib.tables import APPEND, workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [("scoring", "0001_initial"), ("leads", "0002_rights")]

    operations = [
        workspace_table("model_version", grants=APPEND),
        workspace_table("score", key=""),
        workspace_reference("score", "lead_id", "lead"),
        workspace_reference("score", "model_id", "model_version"),
    ]
