-- How many leads may be profiled.
SELECT count(*) AS n FROM consent_mark m
  JOIN lead l ON l.workspace_id = %(workspace)s AND l.id = m.lead_id AND l.merged_into_id IS NULL
 WHERE m.workspace_id = %(workspace)s
   AND m.valid_since IS NOT NULL AND m.profiled_since IS NOT NULL AND m.objected_at IS NULL
