import django.db.models.deletion
from django.db import migrations, models

from cultiva.lib.tables import definer_function, workspace_reference, workspace_table

# Orders are rare among page views: two small indexes find them, whoever they belong to (leads.commerce).
COMMERCE = (
    "'Checkout Started', 'Order Completed', 'Order Updated', 'Order Refunded', 'Order Cancelled',"
    " 'Subscription Started', 'Subscription Renewed', 'Subscription Cancelled'"
)
INDEXES = f"""
CREATE INDEX event_sold_to_visitor ON event (workspace_id, visitor)
  WHERE visitor IS NOT NULL AND kind = 'track' AND name IN ({COMMERCE});
CREATE INDEX event_sold_to_lead ON event (workspace_id, lead_id)
  WHERE lead_id IS NOT NULL AND kind = 'track' AND name IN ({COMMERCE});
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0005_flow")]

    operations = [
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("delivery_id", models.CharField(max_length=200)),
                ("topic", models.CharField(max_length=80)),
                ("outcome", models.CharField(max_length=20)),
                ("digest", models.CharField(max_length=64)),
                ("body", models.TextField()),
                ("received_at", models.DateTimeField()),
                (
                    "source",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
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
                "db_table": "connector_delivery",
                "indexes": [models.Index(fields=["workspace", "received_at"], name="delivery_age")],
                "constraints": [
                    models.UniqueConstraint(fields=["workspace", "source", "digest"], name="one_delivery_a_body")
                ],
            },
        ),
        workspace_table("connector_delivery", key=""),
        workspace_reference("connector_delivery", "source_id", "event_source"),
        migrations.RunSQL(INDEXES, migrations.RunSQL.noop),
        # Events that come back from the archive keep their ids: new ones must begin beyond them.
        definer_function(
            "event_begin_beyond(id bigint)",
            "SELECT setval('event_id_seq', greatest(id, last_value)) FROM event_id_seq",
            returns="bigint",
            volatility="VOLATILE",
        ),
    ]
