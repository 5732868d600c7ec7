-- The segments that read one of the inputs, and those that are due (%(due)s, ids).
-- Output: segment_id, level, inputs (those of %(inputs)s that it reads).
WITH changed AS (
  SELECT i.segment_id, array_agg(i.input) AS inputs FROM segment_input i
   WHERE i.workspace_id = %(workspace)s AND i.input = ANY (%(inputs)s::text[])
   GROUP BY i.segment_id
)
SELECT s.id AS segment_id, s.level, coalesce(c.inputs, '{}') AS inputs
  FROM segment s LEFT JOIN changed c ON c.segment_id = s.id
 WHERE s.workspace_id = %(workspace)s AND s.reads_states = %(reads_states)s
   AND (%(everything)s OR c.segment_id IS NOT NULL OR s.id = ANY (%(due)s::bigint[]))
 ORDER BY s.level, s.id
