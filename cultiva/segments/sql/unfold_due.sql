-- The instants of builds that are near are told to each lead that is still there. Whoever calls holds the workspace's
-- lock alone: two that write the same leads in another order would wait for each other.
WITH near AS (
  DELETE FROM segment_due_block
   WHERE workspace_id = %(workspace)s AND id = ANY (ARRAY(
     SELECT id FROM segment_due_block WHERE workspace_id = %(workspace)s AND from_at <= %(at)s
      ORDER BY from_at LIMIT %(limit)s))
  RETURNING segment_id, lead_ids, due_ats
)
INSERT INTO segment_wake AS w (workspace_id, lead_id, due_at, segment_ids, due_ats)
SELECT %(workspace)s, u.lead_id, min(u.due_at), array_agg(n.segment_id), array_agg(u.due_at)
  FROM near n CROSS JOIN LATERAL unnest(n.lead_ids, n.due_ats) AS u(lead_id, due_at)
  JOIN lead_state l ON l.workspace_id = %(workspace)s AND l.lead_id = u.lead_id
 GROUP BY u.lead_id ORDER BY u.lead_id
ON CONFLICT (lead_id) DO UPDATE
   SET due_at = least(w.due_at, EXCLUDED.due_at), segment_ids = w.segment_ids || EXCLUDED.segment_ids,
       due_ats = w.due_ats || EXCLUDED.due_ats
