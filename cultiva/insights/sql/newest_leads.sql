-- The latest leads, newest first.
SELECT l.id, l.email, l.attributes ->> 'first_name' AS first_name, l.attributes ->> 'last_name' AS last_name,
       l.attributes ->> 'company' AS company, l.created_at, s.stage, s.temperature, s.score
  FROM lead l JOIN lead_state s ON s.workspace_id = l.workspace_id AND s.lead_id = l.id
 WHERE l.workspace_id = %(workspace)s AND l.created_at <= %(at)s
 ORDER BY l.created_at DESC, l.id DESC LIMIT 8
