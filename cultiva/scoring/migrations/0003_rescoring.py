import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("scoring", "0002_rights"),
    ]

    operations = [
        migrations.CreateModel(
            name="Rescoring",
            fields=[
                (
                    "model",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="rescoring",
                        serialize=False,
                        to="scoring.modelversion",
                    ),
                ),
                ("state", models.CharField(default="waiting", max_length=12)),
                ("holds_back", models.BooleanField()),
                ("acts_on_bands", models.BooleanField()),
                ("stage", models.CharField(default="", max_length=12)),
                ("asked_at", models.DateTimeField()),
                ("begun_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("leads", models.IntegerField(null=True)),
                ("changed", models.IntegerField(null=True)),
                ("problem", models.TextField(blank=True, default="")),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "rescoring",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")), fields=["workspace"], name="rescoring_waiting"
                    )
                ],
            },
        ),
        workspace_table("rescoring", key=""),
        workspace_reference("rescoring", "model_id", "model_version"),
    ]
