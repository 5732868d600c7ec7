-- The next leads of the action behind %(after)s; with `is_undo` those that it changed. `is_there`: neither merged
-- into another since, nor gone. OFFSET 0 keeps each state a look-up by its key: as an EXISTS or a join, the planner
-- may read the states of the whole workspace for every chunk.
WITH next AS MATERIALIZED (
  SELECT b.lead_id, b.before FROM bulk_lead b
   WHERE b.workspace_id = %(workspace)s AND b.action_id = %(action)s AND b.lead_id > %(after)s
     AND (NOT %(is_undo)s OR b.before IS NOT NULL)
   ORDER BY b.lead_id LIMIT %(limit)s
)
SELECT next.lead_id, next.before, s.lead_id IS NOT NULL AS is_there
  FROM next
  LEFT JOIN LATERAL (SELECT s.lead_id FROM lead_state s
                      WHERE s.workspace_id = %(workspace)s AND s.lead_id = next.lead_id OFFSET 0) AS s ON true
 ORDER BY next.lead_id
