import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import definer_function, workspace_reference, workspace_table

# Finds a key before its workspace is known, and takes one request from its allowance: a token bucket that holds a
# minute's requests. One statement, so that every web process shares it. `excluded.tokens + 1` is the key's rate.
USE = """
WITH found AS (
  SELECT * FROM api_key WHERE key_hash = wanted AND revoked_at IS NULL
), taken AS (
  INSERT INTO api_allowance AS a (workspace_id, key_id, tokens, filled_at, was_allowed)
  SELECT f.workspace_id, f.id, f.requests_per_minute - 1, real_now, true FROM found f
  ON CONFLICT (key_id) DO UPDATE SET (tokens, was_allowed, filled_at) = (
    SELECT CASE WHEN l.level >= 1 THEN l.level - 1 ELSE l.level END, l.level >= 1, greatest(a.filled_at, real_now)
      FROM (SELECT least(excluded.tokens + 1, a.tokens + (excluded.tokens + 1) / 60
                         * extract(epoch FROM greatest(real_now - a.filled_at, interval '0'))::float8) AS level) AS l)
  RETURNING a.tokens, a.was_allowed
)
SELECT f.workspace_id, f.id, f.name::text, ARRAY(SELECT jsonb_array_elements_text(f.scopes)), f.requests_per_minute,
       f.expires_at, f.last_used_at, t.was_allowed, t.tokens
  FROM found f, taken t
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_rights"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                ("key_hash", models.CharField(max_length=64, unique=True)),
                ("shown", models.CharField(max_length=8)),
                ("scopes", models.JSONField(default=list)),
                ("requests_per_minute", models.PositiveIntegerField(default=600)),
                ("created_by", models.CharField(max_length=120)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "api_key",
            },
        ),
        migrations.CreateModel(
            name="ApiAllowance",
            fields=[
                (
                    "key",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="allowance",
                        serialize=False,
                        to="accounts.apikey",
                    ),
                ),
                ("tokens", models.FloatField()),
                ("filled_at", models.DateTimeField()),
                ("was_allowed", models.BooleanField()),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "api_allowance",
            },
        ),
        migrations.CreateModel(
            name="ApiIdempotency",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("idempotency_key", models.CharField(max_length=255)),
                ("request_hash", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("body", models.TextField(blank=True, default="")),
                ("created_at", models.DateTimeField()),
                (
                    "key",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.apikey",
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
                "db_table": "api_idempotency",
                "indexes": [models.Index(fields=["workspace", "created_at"], name="api_idempotency_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "key", "idempotency_key"), name="one_answer_a_key")
                ],
            },
        ),
        workspace_table("api_key"),
        migrations.RunSQL(
            "ALTER TABLE api_allowance SET UNLOGGED; ALTER TABLE api_allowance SET (fillfactor = 50)",
            migrations.RunSQL.noop,
        ),
        workspace_table("api_allowance", key=""),
        workspace_reference("api_allowance", "key_id", "api_key"),
        workspace_table("api_idempotency", key=""),
        workspace_reference("api_idempotency", "key_id", "api_key"),
        definer_function(
            "api_key_use(wanted text, real_now timestamptz)",
            USE,
            returns="TABLE (workspace_id bigint, id bigint, name text, scopes text[], requests_per_minute integer,"
            " expires_at timestamptz, last_used_at timestamptz, is_allowed boolean, tokens float8)",
            volatility="VOLATILE",
        ),
    ]
