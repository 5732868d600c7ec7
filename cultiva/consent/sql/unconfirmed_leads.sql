-- Leads who came by a form, never proved their address, and gave nothing else to be kept for.
-- Spared: who asked for a quote, a purchase or service; who has a contract or bought; who was imported; whose request
-- by their rights is open is spared by what erases.
SELECT l.id
  FROM lead l
  LEFT JOIN consent_mark m ON m.workspace_id = l.workspace_id AND m.lead_id = l.id
 WHERE l.workspace_id = %(workspace)s AND l.merged_into_id IS NULL AND l.source_kind = 'form'
   AND l.created_at <= %(before)s AND m.confirmed_since IS NULL AND m.blocked_at IS NULL
   AND EXISTS (SELECT FROM confirmation c WHERE c.workspace_id = l.workspace_id AND c.lead_id = l.id)
   AND NOT EXISTS (SELECT FROM confirmation c
                    WHERE c.workspace_id = l.workspace_id AND c.lead_id = l.id AND c.requested_at > %(before)s)
   AND NOT EXISTS (SELECT FROM consent_basis b WHERE b.workspace_id = l.workspace_id AND b.lead_id = l.id)
   AND NOT EXISTS (SELECT FROM conversion o WHERE o.workspace_id = l.workspace_id AND o.lead_id = l.id)
   AND NOT EXISTS (SELECT FROM consent_evidence e
                    WHERE e.workspace_id = l.workspace_id AND e.lead_id = l.id AND e.act LIKE 'imported%%')
   AND NOT EXISTS (SELECT FROM lead_event v JOIN event e ON e.id = v.id
                    WHERE v.workspace_id = l.workspace_id AND v.lead_id = l.id AND e.name = 'form_submitted'
                      AND e.properties ->> 'objective' IN ('quote', 'purchase', 'service'))
 ORDER BY l.id
