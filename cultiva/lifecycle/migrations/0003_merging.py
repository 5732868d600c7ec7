from django.db import migrations

# A stage is the fold of these. What a merge wrote ends with the merge; its row stays, as every row does.
LASTING = """
CREATE VIEW lasting_stage_change WITH (security_invoker = true) AS
  SELECT c.* FROM stage_change c
   WHERE c.by <> 'merge' OR NOT EXISTS (
     SELECT FROM lead_merge m
      WHERE m.workspace_id = c.workspace_id AND m.id = (c.evidence ->> 'merge')::bigint AND m.undone_at IS NOT NULL);
GRANT SELECT ON lasting_stage_change TO cultiva_app;
"""


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0002_rights"), ("leads", "0007_merging")]

    operations = [migrations.RunSQL(LASTING, migrations.RunSQL.noop)]
