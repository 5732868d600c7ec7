import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import workspace_reference, workspace_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("capture", "0006_import_language"),
        ("leads", "0013_filtered_lists"),
    ]

    operations = [
        migrations.AddField(
            model_name="submission",
            name="objective",
            field=models.CharField(default="", max_length=20),
        ),
        migrations.AddField(
            model_name="submission",
            name="via",
            field=models.CharField(default="page", max_length=12),
        ),
        migrations.CreateModel(
            name="FormDay",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=80)),
                ("day", models.DateField()),
                ("views", models.PositiveIntegerField(default=0)),
                ("starts", models.PositiveIntegerField(default=0)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "form_day",
                "constraints": [models.UniqueConstraint(fields=("workspace", "key", "day"), name="form_day_once")],
            },
        ),
        migrations.CreateModel(
            name="FormDraft",
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
                "db_table": "form_draft",
                "constraints": [models.UniqueConstraint(fields=("workspace", "key"), name="one_draft_a_form")],
            },
        ),
        migrations.CreateModel(
            name="FormUpload",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("field", models.CharField(max_length=80)),
                ("name", models.CharField(max_length=160)),
                ("content_type", models.CharField(max_length=100)),
                ("sha256", models.CharField(max_length=64)),
                ("content", models.BinaryField()),
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
                    "submission",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="uploads",
                        to="capture.submission",
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
                "db_table": "form_upload",
                "indexes": [models.Index(fields=["workspace", "lead"], name="form_upload_lead")],
            },
        ),
        migrations.CreateModel(
            name="HeldSubmission",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("reason", models.CharField(max_length=20)),
                ("token", models.TextField()),
                ("posted", models.JSONField(default=dict)),
                ("facts", models.JSONField(default=dict)),
                ("state", models.CharField(default="waiting", max_length=10)),
                ("received_at", models.DateTimeField()),
                (
                    "form",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="capture.formversion",
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
                "db_table": "held_submission",
                "indexes": [models.Index(fields=["workspace", "-received_at"], name="held_submission_newest")],
            },
        ),
        migrations.RunSQL(
            "UPDATE submission s SET objective = f.body ->> 'objective' FROM form_version f WHERE f.id = s.form_id",
            migrations.RunSQL.noop,
        ),
        workspace_table("form_day", key=""),
        workspace_table("form_draft", key=""),
        # submission keeps no (workspace, id) key: what names one is written with it, in its transaction
        workspace_table("form_upload", key=""),
        workspace_reference("form_upload", "lead_id", "lead"),
        workspace_table("held_submission", key=""),
        workspace_reference("held_submission", "form_id", "form_version"),
    ]
