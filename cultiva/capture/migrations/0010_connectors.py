import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("capture", "0009_campaigns"),
        ("leads", "0013_filtered_lists"),
    ]

    operations = [
        migrations.CreateModel(
            name="Inbound",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=60)),
                ("name", models.CharField(max_length=120)),
                ("kind", models.CharField(max_length=20)),
                ("secret", models.TextField()),
                ("token", models.TextField(blank=True, default="")),
                ("mapping", models.JSONField(default=dict)),
                ("sample", models.TextField(blank=True, default="")),
                ("sample_at", models.DateTimeField(null=True)),
                ("refused", models.PositiveIntegerField(default=0)),
                ("refused_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("stopped_at", models.DateTimeField(null=True)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "inbound",
            },
        ),
        migrations.CreateModel(
            name="InboundFact",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("fact_key", models.CharField(max_length=200)),
                ("state", models.CharField(default="waiting", max_length=12)),
                ("reason", models.CharField(blank=True, default="", max_length=400)),
                ("payload", models.TextField(blank=True, default="")),
                ("payload_sha256", models.CharField(max_length=64)),
                ("is_fetched", models.BooleanField(default=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                (
                    "inbound",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="facts",
                        to="capture.inbound",
                    ),
                ),
                (
                    "lead",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="leads.lead",
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
                "db_table": "inbound_fact",
            },
        ),
        migrations.CreateModel(
            name="LeadOrigin",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("how", models.CharField(max_length=20)),
                ("detail", models.CharField(blank=True, default="", max_length=300)),
                ("basis", models.CharField(max_length=20)),
                ("obtained_on", models.DateField()),
                ("notice_due_on", models.DateField(null=True)),
                ("notified_at", models.DateTimeField(null=True)),
                ("by", models.CharField(max_length=80)),
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
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "lead_origin",
            },
        ),
        migrations.AddConstraint(
            model_name="inbound",
            constraint=models.UniqueConstraint(fields=("workspace", "key"), name="one_inbound_a_key"),
        ),
        migrations.AddIndex(
            model_name="inboundfact",
            index=models.Index(fields=["workspace", "state", "due_at"], name="inbound_fact_due"),
        ),
        migrations.AddIndex(
            model_name="inboundfact",
            index=models.Index(fields=["workspace", "lead"], name="inbound_fact_lead"),
        ),
        migrations.AddConstraint(
            model_name="inboundfact",
            constraint=models.UniqueConstraint(fields=("workspace", "inbound", "fact_key"), name="inbound_fact_once"),
        ),
        migrations.AddIndex(
            model_name="leadorigin",
            index=models.Index(fields=["workspace", "lead"], name="lead_origin_lead"),
        ),
        migrations.AddIndex(
            model_name="leadorigin",
            index=models.Index(
                condition=models.Q(("notice_due_on__isnull", False), ("notified_at", None)),
                fields=["workspace", "notice_due_on"],
                name="lead_origin_due",
            ),
        ),
        workspace_table("inbound"),
        workspace_table("inbound_fact", key=""),
        workspace_reference("inbound_fact", "inbound_id", "inbound"),
        workspace_reference("inbound_fact", "lead_id", "lead"),
        workspace_table("lead_origin", key=""),
        workspace_reference("lead_origin", "lead_id", "lead"),
    ]
