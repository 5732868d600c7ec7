-- Take the oldest events out of shards that the transaction holds; a snapshot younger than the hold sees what another
-- worker has taken. `only`: these and no others.
WITH taken AS (
  DELETE FROM event_inbox
   WHERE ctid = ANY (ARRAY(
     SELECT i.ctid FROM unnest(%(shards)s::smallint[]) AS held(shard)
      CROSS JOIN LATERAL (
        SELECT ctid, event_id FROM event_inbox
         WHERE workspace_id = %(workspace)s AND shard = held.shard
           AND (%(only)s::bigint[] IS NULL OR event_id = ANY (%(only)s::bigint[]))
         ORDER BY event_id LIMIT %(limit)s) i
      ORDER BY i.event_id LIMIT %(limit)s))
  RETURNING event_id, received_at, is_passed_on
)
SELECT e.id, e.source_id, e.kind, e.name, e.visitor, e.lead_id, e.occurred_at, e.received_at, e.actor, e.properties,
       e.context, t.is_passed_on
  FROM taken t JOIN event e ON e.id = t.event_id AND e.received_at = t.received_at
 WHERE e.workspace_id = %(workspace)s
 ORDER BY e.id
