-- The events of a failure, by id; they are no longer in any inbox.
SELECT e.id, e.source_id, e.kind, e.name, e.visitor, e.lead_id, e.occurred_at, e.received_at, e.actor, e.properties,
       e.context
  FROM flow_failure f
 CROSS JOIN LATERAL unnest(f.event_ids, f.received_ats) AS failed(id, received_at)
  JOIN event e ON e.id = failed.id AND e.received_at = failed.received_at AND e.workspace_id = f.workspace_id
 WHERE f.workspace_id = %(workspace)s AND f.id = %(failure)s
 ORDER BY e.id
