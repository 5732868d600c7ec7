import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import APPEND, workspace_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("consent", "0007_legal_bases"),
    ]

    operations = [
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kid", models.CharField(max_length=16)),
                ("public_key", models.CharField(max_length=60)),
                ("private_key", models.TextField()),
                ("made_at", models.DateTimeField()),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "consent_signing_key",
                "constraints": [models.UniqueConstraint(fields=("workspace", "kid"), name="one_signing_key_a_name")],
            },
        ),
        workspace_table("consent_signing_key", grants=APPEND, key=""),
    ]
