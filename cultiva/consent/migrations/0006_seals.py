import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import APPEND, workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("consent", "0005_lean_references"),
        ("leads", "0013_filtered_lists"),
    ]

    operations = [
        migrations.AddField(
            model_name="evidencepayload",
            name="checks",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("ordinal", models.PositiveIntegerField()),
                ("sealed_at", models.DateTimeField()),
                ("made_at", models.DateTimeField()),
                ("upto_id", models.BigIntegerField()),
                ("heads", models.PositiveIntegerField()),
                ("heads_root", models.CharField(max_length=64)),
                ("previous_root", models.CharField(max_length=64)),
                ("root", models.CharField(max_length=64)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "consent_seal",
                "constraints": [models.UniqueConstraint(fields=("workspace", "ordinal"), name="one_seal_a_number")],
            },
        ),
        migrations.CreateModel(
            name="SealedHead",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("ordinal", models.PositiveIntegerField()),
                ("hash", models.CharField(max_length=64)),
                ("seal", models.PositiveIntegerField()),
                (
                    "lead",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="leads.lead",
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
                "db_table": "consent_sealed_head",
                "indexes": [models.Index(fields=["workspace", "seal", "lead"], name="sealed_head_of_seal")],
                "constraints": [models.UniqueConstraint(fields=("workspace", "lead", "ordinal"), name="sealed_once")],
            },
        ),
        workspace_table("consent_seal", grants=APPEND, key=""),
        workspace_table("consent_sealed_head", grants=APPEND, key=""),
        workspace_reference("consent_sealed_head", "lead_id", "lead"),
    ]
