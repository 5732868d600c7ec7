import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import workspace_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("segments", "0004_persona_rights"),
    ]

    operations = [
        migrations.CreateModel(
            name="DueBlock",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("from_at", models.DateTimeField()),
                ("lead_ids", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ("due_ats", django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), size=None)),
                (
                    "segment",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="segments.segment",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.workspace",
                    ),
                ),
            ],
            options={
                "db_table": "segment_due_block",
                "indexes": [
                    models.Index(fields=["workspace", "from_at"], name="segment_due_block_next"),
                    models.Index(fields=["workspace", "segment"], name="segment_due_block_segment"),
                ],
            },
        ),
        workspace_table("segment_due_block", key=""),
        # Packing numbers that hardly repeat takes longer than writing them.
        migrations.RunSQL(
            "ALTER TABLE segment_due_block"
            " ALTER COLUMN lead_ids SET STORAGE EXTERNAL, ALTER COLUMN due_ats SET STORAGE EXTERNAL",
            migrations.RunSQL.noop,
        ),
    ]
