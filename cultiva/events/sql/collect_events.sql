-- Store a group of events that senders sent, each message once, and let the new ones wait for `flow`.
-- Input: one array a column, without two rows of the same (source, message); output: how many were new.
WITH given AS (
  SELECT * FROM unnest(
    %(source_ids)s::bigint[], %(message_hashes)s::bytea[], %(kinds)s::text[], %(names)s::text[],
    %(visitors)s::uuid[], %(occurred_at)s::timestamptz[], %(received_at)s::timestamptz[], %(actors)s::text[],
    %(properties)s::text[], %(folded)s::text[], %(contexts)s::text[])
  WITH ORDINALITY AS g (source_id, message_hash, kind, name, visitor, occurred_at, received_at, actor,
                        properties, folded, context, ordinality)
), fresh AS (
  -- In one order, so that two writers with the same messages wait for each other and do not lock up.
  INSERT INTO event_key (workspace_id, source_id, message_hash, received_at)
  SELECT %(workspace)s, source_id, message_hash, received_at FROM given ORDER BY source_id, message_hash
  ON CONFLICT DO NOTHING
  RETURNING source_id, message_hash
), stored AS (
  INSERT INTO event (workspace_id, source_id, kind, name, visitor, occurred_at, received_at, by, actor,
                     properties, folded, context)
  SELECT %(workspace)s, g.source_id, g.kind, g.name, g.visitor, g.occurred_at, g.received_at, 'lead', g.actor,
         g.properties::jsonb, g.folded::jsonb, g.context::jsonb
    FROM given g JOIN fresh f ON f.source_id = g.source_id AND f.message_hash = g.message_hash
   ORDER BY g.occurred_at, g.ordinality
  RETURNING id, visitor, received_at
), queued AS (
{queue_events}
)
SELECT count(*) FROM stored
