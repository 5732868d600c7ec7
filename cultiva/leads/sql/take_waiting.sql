-- Take the oldest events of leads that the transaction holds, each lead's in order; rows without event come last.
WITH taken AS (
  DELETE FROM lead_inbox
   WHERE ctid = ANY (ARRAY(
     SELECT ctid FROM lead_inbox
      WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
      ORDER BY lead_id, event_id LIMIT %(limit)s))
  RETURNING lead_id, event_id, received_at
)
SELECT e.id, e.source_id, e.kind, e.name, e.visitor, t.lead_id, e.occurred_at, e.received_at, e.actor, e.properties,
       e.context
  FROM taken t
  LEFT JOIN event e ON e.id = t.event_id AND e.received_at = t.received_at AND e.workspace_id = %(workspace)s
 ORDER BY e.id
