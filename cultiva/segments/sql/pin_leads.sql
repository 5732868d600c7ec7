-- Put leads into a segment by hand, or keep them out; whoever was merged is the one they are now.
-- Output: the leads for whom something changed.
INSERT INTO segment_pin AS p (workspace_id, segment_id, lead_id, is_included, by, at)
SELECT DISTINCT %(workspace)s, %(segment)s, s.lead_id, %(is_included)s, %(by)s, %(at)s
  FROM unnest(%(leads)s::bigint[]) AS given(lead_id)
  LEFT JOIN lead_alias a ON a.workspace_id = %(workspace)s AND a.merged_id = given.lead_id
  JOIN lead_state s ON s.workspace_id = %(workspace)s AND s.lead_id = coalesce(a.lead_id, given.lead_id)
ON CONFLICT (workspace_id, segment_id, lead_id)
DO UPDATE SET is_included = EXCLUDED.is_included, by = EXCLUDED.by, at = EXCLUDED.at
 WHERE p.is_included <> EXCLUDED.is_included
RETURNING lead_id
