import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import APPEND, workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("consent", "0006_seals"),
        ("leads", "0013_filtered_lists"),
    ]

    operations = [
        migrations.AddField(
            model_name="confirmation",
            name="reminded_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="confirmation",
            name="revoked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="consentmark",
            name="blocked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="consentmark",
            name="guardian_since",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="consentmark",
            name="minor_until",
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name="consentmark",
            name="restricted_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="consentmark",
            name="stopped_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="consentstate",
            name="expiry_told_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="consentstate",
            name="renewed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="consentstate",
            name="was_withdrawn",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name="ExclusionList",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=80)),
                ("kind", models.CharField(max_length=12)),
                ("imported_at", models.DateTimeField()),
                ("file_sha256", models.CharField(max_length=64)),
                ("rows", models.PositiveIntegerField()),
                ("by", models.CharField(max_length=120)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "exclusion_list",
            },
        ),
        migrations.CreateModel(
            name="ExcludedAddress",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("hash", models.CharField(max_length=64)),
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
                (
                    "list",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consent.exclusionlist",
                    ),
                ),
            ],
            options={
                "db_table": "excluded_address",
            },
        ),
        migrations.CreateModel(
            name="RulesVersion",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=80)),
                ("version", models.PositiveIntegerField()),
                ("name", models.CharField(max_length=160)),
                ("body", models.JSONField()),
                ("source_text", models.TextField(blank=True, default="")),
                ("published_at", models.DateTimeField()),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "consent_rules_version",
            },
        ),
        migrations.CreateModel(
            name="Basis",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("basis", models.CharField(max_length=20)),
                ("purpose", models.CharField(blank=True, default="", max_length=80)),
                ("channel", models.CharField(blank=True, default="", max_length=20)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(null=True)),
                (
                    "evidence",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consent.evidence",
                    ),
                ),
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
                "db_table": "consent_basis",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("workspace", "lead", "basis", "purpose", "channel"), name="one_basis_a_purpose"
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="exclusionlist",
            constraint=models.UniqueConstraint(fields=("workspace", "key"), name="one_exclusion_list_a_key"),
        ),
        migrations.AddConstraint(
            model_name="excludedaddress",
            constraint=models.UniqueConstraint(fields=("workspace", "hash", "list"), name="excluded_once"),
        ),
        migrations.AddConstraint(
            model_name="rulesversion",
            constraint=models.UniqueConstraint(
                fields=("workspace", "key", "version"), name="consent_rules_version_once"
            ),
        ),
        workspace_table("consent_rules_version", grants=APPEND),
        workspace_table("consent_basis", key=""),
        workspace_reference("consent_basis", "lead_id", "lead"),
        workspace_table("exclusion_list"),
        workspace_table("excluded_address", key=""),
        workspace_reference("excluded_address", "list_id", "exclusion_list"),
    ]
