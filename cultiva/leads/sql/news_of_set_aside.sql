-- Failures of leads that were set aside and for whom something new has come.
SELECT f.id FROM flow_failure f
 WHERE f.workspace_id = %(workspace)s AND f.stage = 'leads' AND f.set_aside_at IS NOT NULL
   AND EXISTS (SELECT FROM lead_inbox i WHERE i.workspace_id = f.workspace_id AND i.lead_id = f.subject_id)
 ORDER BY f.id LIMIT %(limit)s
