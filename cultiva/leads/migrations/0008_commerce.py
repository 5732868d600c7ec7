import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import APP, workspace_reference, workspace_table

# An amount as shops write it: a JSON number, or a text that is one ("29.35"). Anything else says nothing.
READ_AMOUNT = f"""
CREATE FUNCTION read_amount(value jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
  SELECT CASE WHEN abs(given) < 1e11 THEN round(given, 4) END
    FROM (SELECT CASE
            WHEN jsonb_typeof(value) = 'number' THEN (value #>> '{{}}')::numeric
            WHEN jsonb_typeof(value) = 'string' AND value #>> '{{}}' ~ '^\\s*[-+]?[0-9]{{1,11}}(\\.[0-9]{{1,18}})?\\s*$'
              THEN (value #>> '{{}}')::numeric END AS given) read
$body$;

-- What an event says it is worth: revenue, total, value (Segment's words, in the order of their care), else the sum
-- of its products, price x quantity (one where it is not said).
CREATE FUNCTION amount_of(properties jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
  SELECT coalesce(
    read_amount(properties -> 'revenue'), read_amount(properties -> 'total'), read_amount(properties -> 'value'),
    (SELECT CASE WHEN abs(sum) < 1e11 THEN sum END FROM (
       SELECT round(sum(read_amount(product -> 'price') * coalesce(read_amount(product -> 'quantity'), 1)), 4) AS sum
         FROM jsonb_array_elements(
           CASE WHEN jsonb_typeof(properties -> 'products') = 'array' THEN properties -> 'products' ELSE '[]' END
         ) AS listed(product)) added))
$body$;
REVOKE ALL ON FUNCTION read_amount(jsonb), amount_of(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_amount(jsonb), amount_of(jsonb) TO {APP};
"""


class Migration(migrations.Migration):
    dependencies = [("leads", "0007_merging"), ("events", "0006_connectors")]

    operations = [
        migrations.CreateModel(
            name="Conversion",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=12)),
                ("key", models.CharField(max_length=200)),
                ("value", models.DecimalField(decimal_places=4, max_digits=16, null=True)),
                ("currency", models.CharField(blank=True, default="", max_length=3)),
                ("refunded", models.DecimalField(decimal_places=4, default=0, max_digits=16)),
                ("started_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("cancelled_at", models.DateTimeField(null=True)),
                ("last_event_id", models.BigIntegerField()),
                (
                    "lead",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="conversions",
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
                "db_table": "conversion",
                "constraints": [
                    models.UniqueConstraint(fields=["workspace", "lead", "kind", "key"], name="one_conversion_a_key")
                ],
            },
        ),
        migrations.CreateModel(
            name="LeadValue",
            fields=[
                (
                    "lead",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="value",
                        serialize=False,
                        to="leads.lead",
                    ),
                ),
                ("orders", models.PositiveIntegerField()),
                ("subscriptions", models.PositiveIntegerField()),
                ("value", models.JSONField(default=dict)),
                ("first_at", models.DateTimeField(null=True)),
                ("last_at", models.DateTimeField(null=True)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={"db_table": "lead_value"},
        ),
        workspace_table("conversion", key=""),
        workspace_reference("conversion", "lead_id", "lead"),
        workspace_table("lead_value", key=""),
        workspace_reference("lead_value", "lead_id", "lead"),
        migrations.RunSQL(READ_AMOUNT, migrations.RunSQL.noop),
    ]
