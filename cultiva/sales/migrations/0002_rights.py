from django.db import migrations

from cultiva.lib.tables import workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [("sales", "0001_initial"), ("lifecycle", "0002_rights")]

    operations = [
        workspace_table("hand_over", key=""),
        workspace_reference("hand_over", "lead_id", "lead"),
        workspace_reference("hand_over", "stage_change_id", "stage_change"),
    ]
