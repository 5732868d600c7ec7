-- How many were in a segment at an instant.
SELECT count(DISTINCT coalesce(a.lead_id, m.lead_id)) AS n
  FROM segment_member m
  LEFT JOIN lead_alias a ON a.workspace_id = %(workspace)s AND a.merged_id = m.lead_id
 WHERE m.workspace_id = %(workspace)s AND m.segment_id = %(segment)s AND m.since < %(end)s
   AND (m.until IS NULL OR m.until >= %(end)s)
