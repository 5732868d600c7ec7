-- What is due by now for leads that the transaction holds is taken off the list: the instants that have come, and the
-- marks of segments that are not being built, which stay until they are judged. Output: segment_id, leads.
WITH waking AS MATERIALIZED (
  SELECT lead_id, segment_ids, due_ats FROM segment_wake
   WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[]) AND due_at <= %(at)s
     FOR UPDATE
), instants AS MATERIALIZED (
  SELECT w.lead_id, u.segment_id, min(u.due_at) AS due_at
    FROM waking w CROSS JOIN LATERAL unnest(w.segment_ids, w.due_ats) AS u(segment_id, due_at)
   GROUP BY w.lead_id, u.segment_id
), later AS MATERIALIZED (
  SELECT lead_id, min(due_at) AS due_at, array_agg(segment_id) AS segment_ids, array_agg(due_at) AS due_ats
    FROM instants WHERE due_at > %(at)s GROUP BY lead_id
), kept AS (
  UPDATE segment_wake w SET due_at = l.due_at, segment_ids = l.segment_ids, due_ats = l.due_ats
    FROM later l WHERE w.workspace_id = %(workspace)s AND w.lead_id = l.lead_id
), done AS (
  DELETE FROM segment_wake
   WHERE workspace_id = %(workspace)s
     AND lead_id = ANY (ARRAY(SELECT lead_id FROM waking EXCEPT SELECT lead_id FROM later))
)
SELECT segment_id, array_agg(DISTINCT lead_id) AS leads
  FROM (SELECT segment_id, lead_id FROM instants WHERE due_at <= %(at)s
         UNION ALL
        SELECT m.segment_id, m.lead_id FROM segment_mark m
          JOIN segment s ON s.workspace_id = m.workspace_id AND s.id = m.segment_id AND NOT s.wants_build
         WHERE m.workspace_id = %(workspace)s AND m.lead_id = ANY (%(leads)s::bigint[])) due
 GROUP BY segment_id
