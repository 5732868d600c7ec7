from django.db import migrations

from cultiva.lib.tables import APP, APPEND, definer_function, workspace_table

# Identity columns of partitioned tables need PostgreSQL 17; a sequence works from 15 on.
EVENT = f"""
CREATE SEQUENCE event_id_seq;
CREATE TABLE event (
  id bigint NOT NULL DEFAULT nextval('event_id_seq'),
  workspace_id bigint NOT NULL,
  source_id bigint NOT NULL,
  kind text NOT NULL,
  name text NOT NULL,
  visitor uuid,
  lead_id bigint,
  occurred_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  by text NOT NULL CHECK (by IN ('lead', 'staff', 'system')),
  actor text NOT NULL CHECK (actor IN ('human', 'machine', 'unknown')),
  properties jsonb NOT NULL DEFAULT '{{}}',
  folded jsonb,
  context jsonb NOT NULL DEFAULT '{{}}',
  PRIMARY KEY (id, received_at),
  CHECK (occurred_at <= received_at + interval '1 minute')
) PARTITION BY RANGE (received_at);
CREATE INDEX event_of_lead ON event (workspace_id, lead_id, occurred_at) WHERE lead_id IS NOT NULL;
CREATE INDEX event_of_visitor ON event (workspace_id, visitor, occurred_at) WHERE visitor IS NOT NULL;
GRANT USAGE ON SEQUENCE event_id_seq TO {APP};

CREATE TABLE event_key (
  workspace_id bigint NOT NULL,
  source_id bigint NOT NULL,
  message_hash bytea NOT NULL,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, source_id, message_hash)
);
CREATE INDEX event_key_age ON event_key (received_at);

CREATE TABLE event_inbox (
  workspace_id bigint NOT NULL,
  event_id bigint NOT NULL,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
"""

# Partitions are made ahead by a job and by need; only the owner may make tables, so this runs with its rights.
# `app` reaches events through the parent table alone: partitions grant it nothing.
MAKE_PARTITION = f"""
CREATE FUNCTION event_make_partition(month date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp AS $body$
DECLARE
  first date := date_trunc('month', month::timestamp)::date;
  name text := 'event_' || to_char(first, 'YYYY_MM');
BEGIN
  IF to_regclass(name) IS NOT NULL THEN RETURN; END IF;
  PERFORM pg_advisory_xact_lock(hashtext(name));
  EXECUTE format(
    'CREATE TABLE IF NOT EXISTS %I PARTITION OF event FOR VALUES FROM (%L) TO (%L)',
    name, first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
END $body$;
REVOKE ALL ON FUNCTION event_make_partition(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION event_make_partition(date) TO {APP};
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial"), ("accounts", "0002_rights")]

    operations = [
        migrations.RunSQL(EVENT, migrations.RunSQL.noop),
        migrations.RunSQL(MAKE_PARTITION, migrations.RunSQL.noop),
        workspace_table("event", grants=APPEND, key=""),
        workspace_table("event_key", grants="SELECT, INSERT, DELETE", key=""),
        workspace_table("event_inbox", key=""),
        workspace_table("event_source", key=""),
        definer_function(
            "event_source_by_key(wanted text)",
            "SELECT workspace_id, id FROM event_source WHERE write_key_hash = wanted",
            returns="TABLE (workspace_id bigint, id bigint)",
        ),
        definer_function(
            "workspaces_with_new_events()",
            "SELECT DISTINCT workspace_id FROM event_inbox ORDER BY 1",
            returns="SETOF bigint",
        ),
    ]
