"""Events that staff know to be a machine's: the ledger keeps what it heard, readers of `lead_event` see the verdict."""

import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import workspace_table


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_rights"), ("events", "0008_declared_bases")]

    operations = [
        migrations.CreateModel(
            name="MachineEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("event_id", models.BigIntegerField()),
                ("by", models.CharField(max_length=80)),
                ("marked_at", models.DateTimeField()),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "machine_event",
                "constraints": [models.UniqueConstraint(fields=("workspace", "event_id"), name="one_verdict_an_event")],
            },
        ),
        workspace_table("machine_event", key=""),
    ]
