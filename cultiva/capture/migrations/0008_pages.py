import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import APPEND, workspace_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("capture", "0007_forms"),
    ]

    operations = [
        migrations.AddField(
            model_name="submission",
            name="landing_page",
            field=models.CharField(db_default="", max_length=80),
        ),
        migrations.CreateModel(
            name="Brand",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("colour", models.CharField(blank=True, default="", max_length=7)),
                ("font", models.CharField(default="system", max_length=20)),
                ("logo", models.CharField(blank=True, default="", max_length=120)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "brand",
                "constraints": [models.UniqueConstraint(fields=("workspace",), name="one_brand")],
            },
        ),
        migrations.CreateModel(
            name="PageDay",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=80)),
                ("day", models.DateField()),
                ("views", models.PositiveIntegerField(default=0)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "page_day",
                "constraints": [models.UniqueConstraint(fields=("workspace", "key", "day"), name="page_day_once")],
            },
        ),
        migrations.CreateModel(
            name="PageDraft",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=80)),
                ("source_text", models.TextField()),
                ("changed_at", models.DateTimeField()),
                ("by", models.CharField(max_length=80)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "page_draft",
                "constraints": [models.UniqueConstraint(fields=("workspace", "key"), name="one_draft_a_page")],
            },
        ),
        migrations.CreateModel(
            name="PagePath",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("path", models.CharField(max_length=120)),
                ("key", models.CharField(max_length=80)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "page_path",
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "path"), name="one_page_a_path"),
                    models.UniqueConstraint(fields=("workspace", "key"), name="one_path_a_page"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PagePicture",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                ("sha256", models.CharField(max_length=64)),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                ("original", models.BinaryField()),
                ("large", models.BinaryField()),
                ("small", models.BinaryField()),
                ("added_at", models.DateTimeField()),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "page_picture",
                "constraints": [models.UniqueConstraint(fields=("workspace", "name"), name="page_picture_once")],
            },
        ),
        migrations.CreateModel(
            name="PageVersion",
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
                "db_table": "page_version",
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "key", "version"), name="page_version_once")
                ],
            },
        ),
        workspace_table("page_version", grants=APPEND),
        workspace_table("page_draft", key=""),
        workspace_table("page_path", key=""),
        workspace_table("page_day", key=""),
        workspace_table("page_picture", grants=APPEND, key=""),  # a name stands for one picture for ever
        workspace_table("brand", key=""),
    ]
