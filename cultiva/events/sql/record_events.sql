-- Store events once: a message already seen from the same source changes nothing.
-- Input: `events`, a JSON array; output: the events that were new, by id.
WITH incoming AS (
  -- A retry may lie beside its original in one group: ON CONFLICT does not see rows of its own statement.
  SELECT DISTINCT ON (source_id, message_hash) given.*
    FROM ROWS FROM (jsonb_to_recordset(%(events)s::jsonb) AS (
      source_id bigint, message_hash text, kind text, name text, visitor uuid, lead_id bigint,
      occurred_at timestamptz, received_at timestamptz, by text, actor text,
      properties jsonb, folded jsonb, context jsonb)) WITH ORDINALITY AS given
   ORDER BY source_id, message_hash, ordinality
), fresh AS (
  INSERT INTO event_key (workspace_id, source_id, message_hash, received_at)
  SELECT %(workspace)s, source_id, decode(message_hash, 'hex'), received_at FROM incoming
  ON CONFLICT DO NOTHING
  RETURNING source_id, message_hash
), stored AS (
  INSERT INTO event (workspace_id, source_id, kind, name, visitor, lead_id, occurred_at, received_at,
                     by, actor, properties, folded, context)
  SELECT %(workspace)s, i.source_id, i.kind, i.name, i.visitor, i.lead_id, i.occurred_at, i.received_at,
         i.by, i.actor, i.properties, i.folded, coalesce(i.context, '{}')
    FROM incoming i JOIN fresh f ON f.source_id = i.source_id AND f.message_hash = decode(i.message_hash, 'hex')
   ORDER BY i.occurred_at, i.ordinality
  RETURNING id, source_id, kind, name, visitor, lead_id, occurred_at, received_at, actor, properties, context
), queued AS (
{queue_events}
)
SELECT id, source_id, kind, name, visitor, lead_id, occurred_at, actor, properties, context FROM stored ORDER BY id
