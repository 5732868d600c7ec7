-- A new lead whom the owner of a link brought: one row, and none where both are the same person, as far as we can see.
INSERT INTO referral (workspace_id, lead_id, grant_id, came_at)
SELECT g.workspace_id, %(lead)s, g.id, %(at)s
  FROM magnet_grant g
  JOIN lead l ON l.workspace_id = g.workspace_id AND l.id = %(lead)s
  JOIN lead r ON r.workspace_id = g.workspace_id AND r.id = g.lead_id
 WHERE g.workspace_id = %(workspace)s AND g.id = %(grant)s AND g.lead_id <> %(lead)s AND r.merged_into_id IS NULL
   AND (l.attributes ->> 'phone' IS NULL OR l.attributes ->> 'phone' IS DISTINCT FROM r.attributes ->> 'phone')
ON CONFLICT (workspace_id, lead_id) DO NOTHING
RETURNING id
