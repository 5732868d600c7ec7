-- Everything that is known to have happened to a lead up to an instant, newest first.
SELECT id, kind, name, occurred_at, actor, properties,
       EXISTS (SELECT FROM machine_event m WHERE m.workspace_id = %(workspace)s AND m.event_id = e.id) AS is_marked
  FROM lead_event e
 WHERE workspace_id = %(workspace)s AND lead_id = %(lead)s AND occurred_at <= %(at)s
 ORDER BY occurred_at DESC, id DESC
 LIMIT %(limit)s
