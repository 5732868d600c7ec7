-- Link visitors who gave the address of a lead. In visitor order, so that two workers cannot wait for each other.
-- Input: %(claims)s, a JSON array of {place, visitor, email_key}; of one visitor's claims the first counts.
INSERT INTO visitor_link (workspace_id, visitor, lead_id, linked_at)
SELECT DISTINCT ON (c.visitor) l.workspace_id, c.visitor, coalesce(a.lead_id, l.id), %(at)s::timestamptz
  FROM jsonb_to_recordset(%(claims)s::jsonb) AS c(place int, visitor uuid, email_key text)
  JOIN lead l ON l.workspace_id = %(workspace)s AND l.email_key = c.email_key
  LEFT JOIN lead_alias a ON a.workspace_id = l.workspace_id AND a.merged_id = l.id -- merged: the lead they are now
 ORDER BY c.visitor, c.place
ON CONFLICT (workspace_id, visitor) DO NOTHING
