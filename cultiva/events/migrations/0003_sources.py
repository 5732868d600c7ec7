import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import definer_function, workspace_reference, workspace_table

# Keys of before may be in anybody's pages: they go on as publishable ones.
MOVE_KEYS = """
INSERT INTO write_key (workspace_id, source_id, kind, key_hash, shown, created_at)
SELECT workspace_id, id, 'publishable', write_key_hash, '', created_at FROM event_source
"""
FIND = """
SELECT s.workspace_id, s.id, s.kind, k.kind = 'secret' AS is_secret, s.allowed_origins, s.requires_tracking_consent,
       s.consent_category, s.makes_leads, s.requests_per_second
  FROM write_key k JOIN event_source s ON s.workspace_id = k.workspace_id AND s.id = k.source_id
 WHERE k.key_hash = wanted AND k.revoked_at IS NULL AND s.stopped_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0002_rights")]

    operations = [
        *(
            migrations.AddField("EventSource", name, field)
            for name, field in {
                "kind": models.CharField(default="site", max_length=20),
                "allowed_origins": models.JSONField(default=list),
                "requires_tracking_consent": models.BooleanField(default=False),
                "consent_category": models.CharField(default="analytics", max_length=60),
                "makes_leads": models.BooleanField(default=False),
                "requests_per_second": models.PositiveIntegerField(default=1000),
                "secret": models.TextField(blank=True, default=""),
                "stopped_at": models.DateTimeField(null=True),
            }.items()
        ),
        migrations.CreateModel(
            name="WriteKey",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=12)),
                ("key_hash", models.CharField(max_length=64, unique=True)),
                ("shown", models.CharField(blank=True, default="", max_length=60)),
                ("created_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "source",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="keys",
                        to="events.eventsource",
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
                "db_table": "write_key",
                "indexes": [models.Index(fields=["workspace", "source"], name="write_key_source")],
            },
        ),
        migrations.RunSQL(
            "ALTER TABLE event_source ADD CONSTRAINT event_source_workspace_key UNIQUE (workspace_id, id)",
            migrations.RunSQL.noop,
        ),
        workspace_table("write_key", key=""),
        workspace_reference("write_key", "source_id", "event_source"),
        migrations.RunSQL(MOVE_KEYS, migrations.RunSQL.noop),
        migrations.RunSQL("DROP FUNCTION event_source_by_key(text)", migrations.RunSQL.noop),
        migrations.RemoveField("EventSource", "write_key_hash"),
        definer_function(
            "event_source_by_key(wanted text)",
            FIND,
            returns="TABLE (workspace_id bigint, id bigint, kind text, is_secret boolean, allowed_origins jsonb,"
            " requires_tracking_consent boolean, consent_category text, makes_leads boolean,"
            " requests_per_second integer)",
        ),
    ]
