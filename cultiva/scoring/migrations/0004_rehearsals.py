import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("leads", "0014_machine_events"),
        ("scoring", "0003_rescoring"),
    ]

    operations = [
        migrations.CreateModel(
            name="Rehearsal",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=160)),
                ("texts", models.JSONField()),
                ("first", models.DateField()),
                ("last", models.DateField()),
                ("horizon_days", models.PositiveIntegerField()),
                ("goal", models.CharField(max_length=200)),
                ("capacity", models.FloatField(null=True)),
                ("by", models.CharField(max_length=120)),
                ("asked_at", models.DateTimeField()),
                ("state", models.CharField(default="waiting", max_length=8)),
                ("done", models.PositiveIntegerField(default=0)),
                ("dates", models.PositiveIntegerField()),
                ("begun_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("report", models.JSONField(default=dict)),
                ("problem", models.TextField(blank=True, default="")),
                ("shared_until", models.DateTimeField(null=True)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "rehearsal",
            },
        ),
        migrations.CreateModel(
            name="RehearsalChange",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("place", models.PositiveSmallIntegerField()),
                ("from_band", models.CharField(max_length=8)),
                ("to_band", models.CharField(max_length=8)),
                ("total_before", models.FloatField()),
                ("total_after", models.FloatField()),
                (
                    "lead",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="leads.lead",
                    ),
                ),
                (
                    "rehearsal",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="changes",
                        to="scoring.rehearsal",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "rehearsal_change",
            },
        ),
        migrations.AddIndex(
            model_name="rehearsal",
            index=models.Index(fields=["workspace", "-id"], name="rehearsal_newest"),
        ),
        migrations.AddConstraint(
            model_name="rehearsalchange",
            constraint=models.UniqueConstraint(fields=("rehearsal", "place", "lead"), name="one_change_a_rehearsal"),
        ),
        workspace_table("rehearsal"),
        workspace_table("rehearsal_change", key=""),
        workspace_reference("rehearsal_change", "rehearsal_id", "rehearsal", on_delete="CASCADE"),
        workspace_reference("rehearsal_change", "lead_id", "lead"),
    ]
