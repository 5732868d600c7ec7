-- The leads of the next rows of the inbox behind lead `after`. Whoever failed before is tried alone (failing_leads).
SELECT DISTINCT lead_id FROM (
  SELECT i.lead_id FROM lead_inbox i
   WHERE i.workspace_id = %(workspace)s AND i.lead_id > %(after)s
     AND NOT EXISTS (SELECT FROM flow_failure f
                      WHERE f.workspace_id = %(workspace)s AND f.stage = 'leads' AND f.subject_id = i.lead_id)
   ORDER BY i.workspace_id, i.lead_id, i.event_id LIMIT %(limit)s) next
 ORDER BY lead_id
