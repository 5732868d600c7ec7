-- What would have made a lead's visitors somebody else, newest first, with the other lead where there is one.
SELECT c.reason, c.seen_at, o.lead_id AS other_lead
  FROM visitor_link v
  JOIN identity_conflict c ON c.workspace_id = v.workspace_id AND c.visitor = v.visitor
  LEFT JOIN visitor_link o ON o.workspace_id = v.workspace_id AND o.visitor = c.other AND o.lead_id <> v.lead_id
 WHERE v.workspace_id = %(workspace)s AND v.lead_id = %(lead)s
 ORDER BY c.seen_at DESC, c.id DESC LIMIT 20
