-- Leads who did nothing themselves since `before`: no visit, answer or consent of their own; opened mails do not count.
-- Spared: customers and who is about to be one, whoever has a contract or ever bought, whoever waits for an answer.
SELECT l.id
  FROM lead l
  JOIN lead_state s ON s.workspace_id = l.workspace_id AND s.lead_id = l.id
  LEFT JOIN consent_mark m ON m.workspace_id = l.workspace_id AND m.lead_id = l.id
 WHERE l.workspace_id = %(workspace)s AND l.merged_into_id IS NULL AND m.blocked_at IS NULL
   AND l.created_at <= %(before)s AND coalesce(s.last_seen_at, l.created_at) <= %(before)s
   AND s.stage NOT IN ('opportunity', 'customer', 'service_qualified')
   AND NOT EXISTS (SELECT FROM consent_state c
                    WHERE c.workspace_id = l.workspace_id AND c.lead_id = l.id AND c.since > %(before)s)
   AND NOT EXISTS (SELECT FROM consent_basis b WHERE b.workspace_id = l.workspace_id AND b.lead_id = l.id)
   AND NOT EXISTS (SELECT FROM conversion o WHERE o.workspace_id = l.workspace_id AND o.lead_id = l.id)
   AND NOT EXISTS (SELECT FROM privacy_request r
                    WHERE r.workspace_id = l.workspace_id AND r.lead_id = l.id AND r.closed_at IS NULL)
 ORDER BY l.id
