import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import APPEND, workspace_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("consent", "0008_signing_keys"),
    ]

    operations = [
        migrations.CreateModel(
            name="CookieNoticeVersion",
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
                "db_table": "cookie_notice_version",
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "key", "version"), name="cookie_notice_version_once")
                ],
            },
        ),
        workspace_table("cookie_notice_version", grants=APPEND),
    ]
