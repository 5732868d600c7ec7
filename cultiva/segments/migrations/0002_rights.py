from django.db import migrations

from cultiva.lib.tables import definer_function, workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [("segments", "0001_initial"), ("leads", "0004_identity_rights")]

    # Stays and due instants come by the million in one statement: checking each row against its lead and segment would
    # take longer than finding who is meant, and the statement reads both anyway.
    operations = [
        workspace_table("segment"),
        workspace_table("segment_member", key=""),
        workspace_table("segment_due", key=""),
        workspace_table("segment_known", key=""),
        workspace_table("segment_pin", key=""),
        workspace_reference("segment_pin", "lead_id", "lead"),
        workspace_reference("segment_pin", "segment_id", "segment"),
        workspace_table("segment_input", key=""),
        workspace_reference("segment_input", "segment_id", "segment"),
        workspace_table("segment_day", key=""),
        workspace_reference("segment_day", "segment_id", "segment"),
        # After a build the planner must not think that the tables are as small as before.
        definer_function(
            "analyze_segments()", "ANALYZE segment_member, segment_due", returns="void", volatility="VOLATILE"
        ),
        migrations.RunSQL(
            "ALTER TABLE segment_due SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05)",
            migrations.RunSQL.noop,
        ),
    ]
