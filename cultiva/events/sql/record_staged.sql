-- Store the events of `staged_event`, each message in it once: one already seen from the same source changes nothing,
-- however long ago; its key is never forgotten (infinity). Rows without a message cannot come again. Output: {new},
-- how many, and of those past the inbox what seen_in_batch.sql asks for, added up: {named, dayed, typed}, JSON texts.
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
), named AS (
  SELECT source_id, kind, left(name, %(length)s) AS name, count(*) AS n, %(at)s::timestamptz AS first_at,
         %(at)s::timestamptz AS last_at, min(id) AS first_id, max(id) AS last_id
    FROM numbered WHERE NOT is_queued GROUP BY 1, 2, 3
), dayed AS (
  SELECT source_id, kind, name, date_trunc('minute', first_at) AS received_at, n FROM named
), typed AS (
  SELECT source_id, kind, left(e.name, %(length)s) AS name, left(p.key, %(length)s) AS property,
         event_property_type(p.value) AS type, %(at)s::timestamptz AS last_at, min(id) AS first_id
    FROM numbered e CROSS JOIN LATERAL jsonb_each(e.properties) p
   WHERE NOT is_queued AND jsonb_typeof(p.value) <> 'null'
   GROUP BY 1, 2, 3, 4, 5
)
SELECT (SELECT count(*) FROM numbered) AS new, (SELECT jsonb_agg(named)::text FROM named) AS named,
       (SELECT jsonb_agg(dayed)::text FROM dayed) AS dayed,
       (SELECT coalesce(jsonb_agg(typed), '[]')::text FROM typed) AS typed
