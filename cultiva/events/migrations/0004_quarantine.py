import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import workspace_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_rights"),
        ("events", "0003_sources"),
    ]

    operations = [
        migrations.CreateModel(
            name="EventQuarantine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("source_id", models.BigIntegerField()),
                ("received_at", models.DateTimeField()),
                ("code", models.TextField()),
                ("message", models.TextField()),
                ("payload", models.TextField()),
                ("payload_hash", models.BinaryField()),
                ("is_cut", models.BooleanField(default=False)),
                ("arrival", models.JSONField(default=dict)),
                ("times", models.IntegerField(default=1)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "event_quarantine",
                "indexes": [models.Index(fields=["workspace", "source_id", "id"], name="event_quarantine_source")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("workspace", "source_id", "payload_hash"), name="one_faulty_message"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="EventQuarantineDropped",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("source_id", models.BigIntegerField()),
                ("count", models.BigIntegerField()),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "event_quarantine_dropped",
                "constraints": [models.UniqueConstraint(fields=("workspace", "source_id"), name="one_dropped_count")],
            },
        ),
        migrations.CreateModel(
            name="EventUncovered",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("source_id", models.BigIntegerField()),
                ("day", models.DateField()),
                ("kind", models.TextField()),
                ("name", models.TextField()),
                ("count", models.BigIntegerField()),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "event_uncovered",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("workspace", "source_id", "day", "kind", "name"), name="one_uncovered_count"
                    )
                ],
            },
        ),
        workspace_table("event_quarantine", key=""),
        workspace_table("event_quarantine_dropped", key=""),
        workspace_table("event_uncovered", grants="SELECT, INSERT, UPDATE", key=""),
    ]
