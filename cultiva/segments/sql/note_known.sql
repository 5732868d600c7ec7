-- These leads were asked about every segment once.
INSERT INTO segment_known (workspace_id, lead_id)
SELECT %(workspace)s, s.lead_id FROM lead_state s
 WHERE s.workspace_id = %(workspace)s AND s.lead_id = ANY (%(leads)s::bigint[])
ON CONFLICT DO NOTHING
