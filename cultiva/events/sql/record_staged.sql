-- Store the events of `staged_event`, each message in it once: one already seen from the same source changes nothing,
-- however long ago; its key is never forgotten (infinity). Rows without a message cannot come again. Output: {new, first, last}: how many, and their
-- ids.
WITH fresh AS (
  INSERT INTO event_key (workspace_id, source_id, message_hash, received_at)
  SELECT %(workspace)s, source_id, message_hash, 'infinity' FROM staged_event WHERE message_hash IS NOT NULL
  ON CONFLICT DO NOTHING
  RETURNING source_id, message_hash
), numbered AS MATERIALIZED (
  SELECT nextval('event_id_seq') AS id, s.*
    FROM staged_event s LEFT JOIN fresh USING (source_id, message_hash)
   WHERE s.message_hash IS NULL OR fresh.message_hash IS NOT NULL
), stored AS (
  INSERT INTO event (id, workspace_id, source_id, kind, name, visitor, lead_id, occurred_at, received_at,
                     by, actor, properties, folded, context)
  SELECT id, %(workspace)s, source_id, kind, name, visitor, lead_id, occurred_at, %(at)s,
         by, 'unknown', properties, folded, context
    FROM numbered
), queued AS (
  INSERT INTO event_inbox (workspace_id, event_id, received_at, shard)
  SELECT %(workspace)s, id, %(at)s, event_shard(visitor, lead_id) FROM numbered WHERE is_queued
)
SELECT count(*) AS new, min(id) AS first, max(id) AS last FROM numbered
