-- The instants of builds that are near become rows of their own, one a lead that is still there. What such a row says
-- already is newer. Not of a segment that is being built, whose blocks are about to go.
WITH near AS (
  DELETE FROM segment_due_block
   WHERE workspace_id = %(workspace)s AND id = ANY (ARRAY(
     SELECT b.id FROM segment_due_block b
       JOIN segment s ON s.workspace_id = b.workspace_id AND s.id = b.segment_id AND NOT s.wants_build
      WHERE b.workspace_id = %(workspace)s AND b.from_at <= %(at)s
      ORDER BY b.from_at LIMIT %(limit)s FOR UPDATE OF b SKIP LOCKED))
  RETURNING segment_id, lead_ids, due_ats
)
INSERT INTO segment_due (workspace_id, segment_id, lead_id, due_at, is_mark)
SELECT %(workspace)s, n.segment_id, u.lead_id, u.due_at, false
  FROM near n CROSS JOIN LATERAL unnest(n.lead_ids, n.due_ats) AS u(lead_id, due_at)
  JOIN lead_state l ON l.workspace_id = %(workspace)s AND l.lead_id = u.lead_id
 ORDER BY u.lead_id, n.segment_id
ON CONFLICT (workspace_id, lead_id, segment_id, is_mark) DO NOTHING
