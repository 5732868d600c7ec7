from django.db import migrations

from cultiva.lib.tables import APPEND, workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_initial"), ("leads", "0002_rights")]

    operations = [
        workspace_table("policy_version", grants=APPEND),
        workspace_table("purpose_version", grants=APPEND),
        workspace_table("consent_evidence", grants=APPEND),
        workspace_reference("consent_evidence", "lead_id", "lead"),
        workspace_table("consent_evidence_payload", grants="SELECT, INSERT, UPDATE", key=""),  # an erasure empties it
        workspace_reference("consent_evidence_payload", "evidence_id", "consent_evidence"),
        workspace_table("consent_mark", key=""),
        workspace_reference("consent_mark", "lead_id", "lead"),
        workspace_table("consent_state", key=""),
        workspace_reference("consent_state", "lead_id", "lead"),
        workspace_reference("consent_state", "evidence_id", "consent_evidence"),
        workspace_table("confirmation", key=""),
        workspace_reference("confirmation", "lead_id", "lead"),
        workspace_table("suppression", key=""),
    ]
