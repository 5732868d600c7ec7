import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import workspace_reference, workspace_table

# Acts that a campaign brought are few among all: where they are is what a report of campaigns reads.
TOUCHES = """
CREATE INDEX event_touch ON event (workspace_id, occurred_at) WHERE (context #>> '{campaign,name}') IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("capture", "0008_pages"),
    ]

    operations = [
        migrations.CreateModel(
            name="Campaign",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=80)),
                ("name", models.CharField(max_length=160)),
                ("objective", models.CharField(max_length=20)),
                ("starts_on", models.DateField(null=True)),
                ("ends_on", models.DateField(null=True)),
                ("budget", models.DecimalField(decimal_places=2, max_digits=14, null=True)),
                ("currency", models.CharField(default="EUR", max_length=3)),
                ("revision", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "campaign",
            },
        ),
        migrations.CreateModel(
            name="CampaignCost",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("amount", models.DecimalField(decimal_places=2, max_digits=14)),
                ("note", models.CharField(blank=True, default="", max_length=200)),
                (
                    "campaign",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="costs",
                        to="capture.campaign",
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
                "db_table": "campaign_cost",
            },
        ),
        migrations.CreateModel(
            name="CampaignLink",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("url", models.CharField(max_length=1000)),
                ("source", models.CharField(max_length=100)),
                ("medium", models.CharField(max_length=100)),
                ("content", models.CharField(blank=True, default="", max_length=100)),
                ("term", models.CharField(blank=True, default="", max_length=100)),
                ("address", models.CharField(max_length=2000)),
                (
                    "campaign",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="links",
                        to="capture.campaign",
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
                "db_table": "campaign_link",
            },
        ),
        migrations.CreateModel(
            name="CampaignMember",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=20)),
                ("key", models.CharField(max_length=80)),
                (
                    "campaign",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="members",
                        to="capture.campaign",
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
                "db_table": "campaign_member",
            },
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.UniqueConstraint(fields=("workspace", "key"), name="one_campaign_a_key"),
        ),
        migrations.AddIndex(
            model_name="campaigncost",
            index=models.Index(fields=["workspace", "campaign", "day"], name="campaign_cost_day"),
        ),
        migrations.AddConstraint(
            model_name="campaignlink",
            constraint=models.UniqueConstraint(
                fields=("workspace", "campaign", "url", "source", "medium", "content", "term"),
                name="campaign_link_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignmember",
            constraint=models.UniqueConstraint(fields=("workspace", "kind", "key"), name="one_campaign_a_thing"),
        ),
        workspace_table("campaign"),
        workspace_table("campaign_cost", key=""),
        workspace_reference("campaign_cost", "campaign_id", "campaign"),
        workspace_table("campaign_link", key=""),
        workspace_reference("campaign_link", "campaign_id", "campaign"),
        workspace_table("campaign_member", key=""),
        workspace_reference("campaign_member", "campaign_id", "campaign"),
        migrations.RunSQL(TOUCHES, migrations.RunSQL.noop),
    ]
