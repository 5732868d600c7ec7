from django.db import migrations

from cultiva.lib.tables import APPEND, workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [("nurture", "0001_initial"), ("leads", "0002_rights")]

    operations = [
        workspace_table("workflow_version", grants=APPEND),
        workspace_table("enrolment", key=""),
        workspace_reference("enrolment", "lead_id", "lead"),
        workspace_reference("enrolment", "version_id", "workflow_version"),
    ]
