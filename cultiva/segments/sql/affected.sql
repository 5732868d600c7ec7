-- The segments that read one of the inputs, or are due for one of the leads.
-- Output: segment_id, level, inputs (those of %(inputs)s that it reads), due (leads).
WITH changed AS (
  SELECT i.segment_id, array_agg(i.input) AS inputs FROM segment_input i
   WHERE i.workspace_id = %(workspace)s AND i.input = ANY (%(inputs)s::text[])
   GROUP BY i.segment_id
), due AS (
  SELECT d.segment_id, array_agg(DISTINCT d.lead_id) AS leads FROM segment_due d
   WHERE d.workspace_id = %(workspace)s AND d.lead_id = ANY (%(leads)s::bigint[]) AND d.due_at <= %(at)s
   GROUP BY d.segment_id
)
SELECT s.id AS segment_id, s.level, coalesce(c.inputs, '{}') AS inputs, coalesce(d.leads, '{}') AS due
  FROM segment s LEFT JOIN changed c ON c.segment_id = s.id LEFT JOIN due d ON d.segment_id = s.id
 WHERE s.workspace_id = %(workspace)s AND s.reads_states = %(reads_states)s
   AND (%(everything)s OR c.segment_id IS NOT NULL OR d.segment_id IS NOT NULL)
 ORDER BY s.level, s.id
