import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import definer_function, workspace_table


def unchecked(to: str, kind: type[models.ForeignKey] = models.ForeignKey, **more: bool) -> models.ForeignKey:
    return kind(
        db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=to, **more
    )  # fmt: skip


KEEP = """
INSERT INTO segment_wake (workspace_id, lead_id, due_at, segment_ids, due_ats)
SELECT workspace_id, lead_id, min(due_at), array_agg(segment_id), array_agg(due_at)
  FROM segment_due WHERE NOT is_mark GROUP BY workspace_id, lead_id;
INSERT INTO segment_mark (workspace_id, segment_id, lead_id, at)
SELECT workspace_id, segment_id, lead_id, due_at FROM segment_due WHERE is_mark;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("leads", "0013_filtered_lists"),
        ("segments", "0005_due_blocks"),
    ]

    operations = [
        migrations.CreateModel(
            name="Wake",
            fields=[
                (
                    "lead",
                    unchecked("leads.lead", kind=models.OneToOneField, primary_key=True, serialize=False),
                ),
                ("workspace", unchecked("accounts.workspace", db_index=False)),
                ("due_at", models.DateTimeField()),
                (
                    "segment_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                ("due_ats", django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), size=None)),
            ],
            options={
                "db_table": "segment_wake",
                "indexes": [models.Index(fields=["workspace", "due_at", "lead"], name="segment_wake_next")],
            },
        ),
        migrations.CreateModel(
            name="Mark",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("workspace", unchecked("accounts.workspace", db_index=False)),
                ("segment", unchecked("segments.segment", db_index=False)),
                ("lead", unchecked("leads.lead", db_index=False)),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "segment_mark",
                "indexes": [
                    models.Index(fields=["workspace", "lead"], name="segment_mark_lead"),
                    models.Index(fields=["workspace", "at", "lead"], name="segment_mark_next"),
                ],
                "constraints": [models.UniqueConstraint(fields=("workspace", "segment", "lead"), name="marked_once")],
            },
        ),
        workspace_table("segment_wake", key=""),
        workspace_table("segment_mark", key=""),
        migrations.RunSQL(KEEP, migrations.RunSQL.noop),
        migrations.RunSQL("DROP FUNCTION analyze_segments()", migrations.RunSQL.noop),
        definer_function("analyze_segments()", "ANALYZE segment_member", returns="void", volatility="VOLATILE"),
        migrations.RunSQL(
            # Who is in which segment is answered from an index alone where the table was vacuumed.
            "ALTER TABLE segment_member SET (autovacuum_vacuum_insert_scale_factor = 0.02);"
            "ALTER TABLE segment_wake SET (autovacuum_vacuum_scale_factor = 0.02, fillfactor = 70)",
            migrations.RunSQL.noop,
        ),
        migrations.DeleteModel(name="Due"),
        migrations.RemoveIndex(model_name="member", name="segment_member_lead"),
        migrations.AddIndex(
            model_name="member",
            index=models.Index(
                condition=models.Q(("until", None)),
                fields=["workspace", "lead", "segment"],
                include=("id",),
                name="segment_member_present",
            ),
        ),
        migrations.AddIndex(
            model_name="member",
            index=models.Index(
                condition=models.Q(("until__isnull", False)), fields=["workspace", "lead"], name="segment_member_past"
            ),
        ),
    ]
