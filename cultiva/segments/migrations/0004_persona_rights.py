from django.db import migrations

from cultiva.lib.tables import APPEND, workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [("segments", "0003_personas"), ("leads", "0004_identity_rights")]

    operations = [
        workspace_table("persona"),
        workspace_table("persona_version", key="", grants=APPEND),
        workspace_table("lead_persona", key=""),
        workspace_reference("lead_persona", "lead_id", "lead"),
        workspace_table("persona_due", key=""),
        workspace_reference("persona_due", "lead_id", "lead"),
        workspace_table("persona_build", key=""),
        workspace_table("persona_discovery", key=""),
        migrations.RunSQL(
            "ALTER TABLE persona_due SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05)",
            migrations.RunSQL.noop,
        ),
    ]
