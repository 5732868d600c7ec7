from django.db import migrations

from cultiva.lib.tables import workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [("magnets", "0003_kinds"), ("leads", "0002_rights")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE magnet_grant ADD CONSTRAINT magnet_grant_workspace_key UNIQUE (workspace_id, id);",
            migrations.RunSQL.noop,
        ),
        workspace_table("magnet_draft", key=""),
        workspace_table("magnet_cost", key=""),
        workspace_table("discount_code", key=""),
        workspace_table("code_guess", key=""),
        workspace_table("webinar_session"),
        workspace_table("webinar_registration", key=""),
        workspace_table("referral", key=""),
        workspace_reference("discount_code", "grant_id", "magnet_grant", on_delete="CASCADE"),
        workspace_reference("webinar_registration", "session_id", "webinar_session", on_delete="CASCADE"),
        workspace_reference("webinar_registration", "grant_id", "magnet_grant", on_delete="CASCADE"),
        workspace_reference("referral", "grant_id", "magnet_grant", on_delete="CASCADE"),
        workspace_reference("referral", "lead_id", "lead"),
    ]
