-- Take everything that waits out of the inbox, oldest first, whatever its shard. FOR UPDATE SKIP LOCKED passes over what
-- another holds. Rows that were only to be counted go as well and are not returned.
WITH taken AS (
  DELETE FROM event_inbox
   WHERE ctid = ANY (ARRAY(
     SELECT ctid FROM event_inbox WHERE workspace_id = %(workspace)s
      ORDER BY event_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
  RETURNING event_id, received_at, is_passed_on
)
SELECT e.id, e.source_id, e.kind, e.name, e.visitor, e.lead_id, e.occurred_at, e.received_at, e.actor, e.properties,
       e.context
  FROM taken t JOIN event e ON e.id = t.event_id AND e.received_at = t.received_at
 WHERE e.workspace_id = %(workspace)s AND NOT t.is_passed_on
 ORDER BY e.id
