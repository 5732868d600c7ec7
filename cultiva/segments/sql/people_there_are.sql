-- How many leads may be profiled.
SELECT count(*) AS n FROM consent_mark m
  JOIN lead_state s ON s.workspace_id = %(workspace)s AND s.lead_id = m.lead_id
 WHERE m.workspace_id = %(workspace)s
   AND m.valid_since IS NOT NULL AND m.profiled_since IS NOT NULL AND m.objected_at IS NULL
