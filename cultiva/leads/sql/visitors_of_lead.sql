-- The visitors that are a lead, oldest link first; those with a user id are users, the others browsers and devices.
SELECT v.visitor, v.linked_at, c.user_id, v.event_id IS NOT NULL AS is_by_event
  FROM visitor_link v
  LEFT JOIN visitor_claim c ON c.workspace_id = v.workspace_id AND c.visitor = v.visitor
 WHERE v.workspace_id = %(workspace)s AND v.lead_id = %(lead)s
 ORDER BY v.linked_at, v.visitor LIMIT 50
