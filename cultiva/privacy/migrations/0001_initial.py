import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0004_ended_documents"),
        ("leads", "0013_filtered_lists"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PrivacyStep",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=120)),
                ("what", models.CharField(max_length=16)),
                ("facts", models.JSONField(default=dict)),
            ],
            options={
                "db_table": "privacy_step",
            },
        ),
        migrations.CreateModel(
            name="PrivacyRequest",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("access", "access"),
                            ("rectification", "rectification"),
                            ("erasure", "erasure"),
                            ("restriction", "restriction"),
                            ("portability", "portability"),
                            ("objection", "objection"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "way",
                    models.CharField(
                        choices=[
                            ("link", "personal link"),
                            ("phone", "telephone"),
                            ("mail", "e-mail"),
                            ("post", "letter"),
                            ("in_person", "in person"),
                            ("api", "another system"),
                        ],
                        max_length=12,
                    ),
                ),
                ("contact", models.CharField(blank=True, default="", max_length=254)),
                ("language", models.CharField(max_length=5)),
                ("jurisdiction", models.CharField(max_length=8)),
                ("received_at", models.DateTimeField()),
                ("due_on", models.DateField()),
                ("extended_at", models.DateTimeField(null=True)),
                ("identified_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("done", "done"),
                            ("refused", "refused, with the reason"),
                            ("withdrawn", "withdrawn by the person"),
                        ],
                        default="",
                        max_length=12,
                    ),
                ),
                (
                    "closed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                "db_table": "privacy_request",
            },
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=120)),
                ("counts", models.JSONField(default=dict)),
                ("months", models.JSONField(default=list)),
                ("archive_written_at", models.DateTimeField(null=True)),
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
                (
                    "request",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="privacy.privacyrequest",
                    ),
                ),
            ],
            options={
                "db_table": "privacy_erasure",
            },
        ),
        migrations.CreateModel(
            name="PrivacyText",
            fields=[
                (
                    "step",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="written",
                        serialize=False,
                        to="privacy.privacystep",
                    ),
                ),
                ("text", models.TextField()),
                ("file_name", models.CharField(blank=True, default="", max_length=160)),
                ("content_type", models.CharField(blank=True, default="", max_length=100)),
                ("content", models.BinaryField(null=True)),
            ],
            options={
                "db_table": "privacy_text",
            },
        ),
        migrations.AddField(
            model_name="privacystep",
            name="request",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="steps",
                to="privacy.privacyrequest",
            ),
        ),
        migrations.AddField(
            model_name="privacystep",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
            ),
        ),
        migrations.AddIndex(
            model_name="privacyrequest",
            index=models.Index(
                condition=models.Q(("closed_at", None)),
                fields=["workspace", "due_on", "id"],
                name="privacy_request_open",
            ),
        ),
        migrations.AddIndex(
            model_name="privacyrequest",
            index=models.Index(fields=["workspace", "lead"], name="privacy_request_lead"),
        ),
        migrations.AddIndex(
            model_name="erasure",
            index=models.Index(
                condition=models.Q(("archive_written_at", None)),
                fields=["workspace", "id"],
                name="privacy_erasure_unwritten",
            ),
        ),
        migrations.AddField(
            model_name="privacytext",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
            ),
        ),
        migrations.AddIndex(
            model_name="privacystep",
            index=models.Index(fields=["workspace", "request", "id"], name="privacy_step_request"),
        ),
    ]
