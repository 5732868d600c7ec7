-- Take a batch out of the inbox, oldest first. FOR UPDATE SKIP LOCKED lets workers share it without waiting.
WITH taken AS (
  DELETE FROM event_inbox
   WHERE ctid = ANY (ARRAY(
     SELECT ctid FROM event_inbox WHERE workspace_id = %(workspace)s
      ORDER BY workspace_id, event_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
  RETURNING event_id, received_at
)
SELECT e.id, e.source_id, e.kind, e.name, e.visitor, e.lead_id, e.occurred_at, e.actor, e.properties, e.context
  FROM taken t JOIN event e ON e.id = t.event_id AND e.received_at = t.received_at
 WHERE e.workspace_id = %(workspace)s
 ORDER BY e.id
