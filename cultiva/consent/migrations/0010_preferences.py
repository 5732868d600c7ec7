import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("consent", "0009_cookie_notices"),
        ("leads", "0013_filtered_lists"),
    ]

    operations = [
        migrations.CreateModel(
            name="Preference",
            fields=[
                (
                    "lead",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="leads.lead",
                    ),
                ),
                ("paused_until", models.DateTimeField(null=True)),
                ("every_days", models.PositiveSmallIntegerField(null=True)),
                ("changed_at", models.DateTimeField()),
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
                "db_table": "consent_preference",
            },
        ),
        workspace_table("consent_preference", key=""),
        workspace_reference("consent_preference", "lead_id", "lead"),
    ]
