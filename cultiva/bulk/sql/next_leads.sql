-- The next leads of the action behind %(after)s; with `is_undo` those that it changed. `is_there`: neither merged
-- into another since, nor gone.
SELECT b.lead_id, b.before, EXISTS (SELECT FROM lead_state s WHERE s.workspace_id = %(workspace)s
                                       AND s.lead_id = b.lead_id) AS is_there
  FROM bulk_lead b
 WHERE b.workspace_id = %(workspace)s AND b.action_id = %(action)s AND b.lead_id > %(after)s
   AND (NOT %(is_undo)s OR b.before IS NOT NULL)
 ORDER BY b.lead_id LIMIT %(limit)s
