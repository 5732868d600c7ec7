from django.db import migrations

from cultiva.lib.tables import global_table, workspace_table

# Which of 64 shards an event's inbox row goes to: all of one visitor's (of ours without one: one lead's) to the same.
# Whoever writes to event_inbox calls it: INSERT INTO event_inbox (workspace_id, event_id, received_at, shard).
SHARD = """
CREATE FUNCTION event_shard(visitor uuid, lead bigint) RETURNS smallint
  LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT (coalesce(uuid_hash(visitor), hashint8(lead), 0) & 63)::smallint $$;
"""
# `is_passed_on`: written by a step of flow, which gave it to the steps that follow; it is only counted.
INBOX = """
ALTER TABLE event_inbox ADD COLUMN shard smallint, ADD COLUMN is_passed_on boolean NOT NULL DEFAULT false;
UPDATE event_inbox i SET shard = event_shard(e.visitor, e.lead_id)
  FROM event e WHERE e.workspace_id = i.workspace_id AND e.id = i.event_id AND e.received_at = i.received_at;
ALTER TABLE event_inbox ALTER COLUMN shard SET NOT NULL, DROP CONSTRAINT event_inbox_pkey,
  ADD PRIMARY KEY (workspace_id, shard, event_id);
"""
# Work that failed: `subject_id` is an event of stage arrivals, a lead of stage leads. Real times.
FAILURE = """
CREATE TABLE flow_failure (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  workspace_id bigint NOT NULL,
  stage text NOT NULL CHECK (stage IN ('arrivals', 'leads')),
  subject_id bigint NOT NULL,
  event_ids bigint[] NOT NULL DEFAULT '{}',
  received_ats timestamptz[] NOT NULL DEFAULT '{}',
  is_passed_on boolean NOT NULL DEFAULT false,
  step text NOT NULL,
  error text NOT NULL,
  tries smallint NOT NULL DEFAULT 1,
  failed_at timestamptz NOT NULL,
  next_try_at timestamptz,
  set_aside_at timestamptz,
  UNIQUE (workspace_id, stage, subject_id),
  CHECK ((next_try_at IS NULL) <> (set_aside_at IS NULL)),
  CHECK (cardinality(event_ids) = cardinality(received_ats))
);
"""
# How long each step took, added up by every worker since its start; written about once a second. Real times.
TIMING = """
CREATE TABLE flow_timing (
  worker text NOT NULL,
  step text NOT NULL,
  count bigint NOT NULL,
  seconds double precision NOT NULL,
  buckets bigint[] NOT NULL,
  last_size integer NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (worker, step)
) WITH (fillfactor = 50);
"""
# What comes in, by name. A name of '' stands for all names of a source beyond the most that are kept apart.
# Rows are updated all the time: room in their pages keeps the updates off the indexes.
SEEN = """
CREATE TABLE event_name (
  workspace_id bigint NOT NULL,
  source_id bigint NOT NULL,
  kind text NOT NULL,
  name text NOT NULL,
  first_seen_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  count bigint NOT NULL,
  last_event_id bigint NOT NULL,
  PRIMARY KEY (workspace_id, source_id, kind, name)
) WITH (fillfactor = 50);
CREATE TABLE event_day (
  workspace_id bigint NOT NULL,
  day date NOT NULL,
  source_id bigint NOT NULL,
  kind text NOT NULL,
  name text NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (workspace_id, day, source_id, kind, name)
) WITH (fillfactor = 70);
CREATE TABLE event_property (
  workspace_id bigint NOT NULL,
  kind text NOT NULL,
  name text NOT NULL,
  property text NOT NULL,
  type text NOT NULL,
  last_seen_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, kind, name, property, type)
) WITH (fillfactor = 50);
CREATE FUNCTION event_property_type(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE jsonb_typeof(value)
    WHEN 'null' THEN NULL
    WHEN 'string' THEN CASE
      WHEN value #>> '{}' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$'
      THEN 'date' ELSE 'string' END
    ELSE jsonb_typeof(value) END $$;
"""
# What came last, of one workspace: partitions are read newest first, until there is enough.
RECEIVED = "CREATE INDEX event_received ON event (workspace_id, received_at, id)"


class Migration(migrations.Migration):
    dependencies = [("events", "0004_quarantine")]

    operations = [
        migrations.RunSQL(SHARD, migrations.RunSQL.noop),
        migrations.RunSQL(INBOX, migrations.RunSQL.noop),
        migrations.RunSQL(FAILURE, migrations.RunSQL.noop),
        workspace_table("flow_failure", key=""),
        migrations.RunSQL(TIMING, migrations.RunSQL.noop),
        global_table("flow_timing"),
        migrations.RunSQL(SEEN, migrations.RunSQL.noop),
        workspace_table("event_name", key=""),
        workspace_table("event_day", key=""),
        workspace_table("event_property", key=""),
        migrations.RunSQL(RECEIVED, migrations.RunSQL.noop),
        migrations.RunSQL("DROP FUNCTION workspaces_with_new_events()", migrations.RunSQL.noop),
    ]
