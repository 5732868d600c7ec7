from django.db import migrations

# The head of a list that is filtered by stage or temperature is read from the index alone. For that PostgreSQL wants
# the column itself in the index, beside the expression that orders.
INDEXES = {
    "lead_state_score": ("score", "'-infinity'::float8"),
    "lead_state_seen": ("last_seen_at", "'-infinity'::timestamptz"),
}


def replace(name: str, column: str, none: str) -> list[str]:
    order = f"workspace_id, coalesce({column}, {none}) DESC, lead_id DESC"
    return [
        f"CREATE INDEX CONCURRENTLY {name}_bands ON lead_state ({order}) INCLUDE (stage, temperature, {column})",
        f"DROP INDEX CONCURRENTLY {name}",
    ]


class Migration(migrations.Migration):
    atomic = False  # others go on reading and writing meanwhile
    dependencies = [("leads", "0012_lean_references")]

    operations = [migrations.RunSQL(replace(name, *order), migrations.RunSQL.noop) for name, order in INDEXES.items()]
