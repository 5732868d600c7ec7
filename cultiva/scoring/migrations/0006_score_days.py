import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("scoring", "0005_points_of_rules"),
    ]

    operations = [
        migrations.CreateModel(
            name="ScoreDay",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("settled_on", models.DateField()),
                ("leads", models.IntegerField()),
                ("bands", models.JSONField(default=dict)),
                ("buckets", models.JSONField(default=dict)),
                ("rules", models.JSONField(default=dict)),
                ("conversions", models.JSONField(default=dict)),
                ("unscored", models.JSONField(default=dict)),
                (
                    "model",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="scoring.modelversion",
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
                "db_table": "score_day",
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "model", "day"), name="one_row_a_model_and_day")
                ],
            },
        ),
        workspace_table("score_day"),
        workspace_reference("score_day", "model_id", "model_version"),
    ]
