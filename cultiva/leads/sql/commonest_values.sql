-- The commonest values of one attribute among the newest leads; of a list each element counts.
WITH newest AS MATERIALIZED (
  SELECT attributes -> %(key)s AS value FROM lead WHERE workspace_id = %(workspace)s AND merged_into_id IS NULL
   ORDER BY created_at DESC, id DESC LIMIT %(sample)s
)
SELECT e.value, count(*) AS n
  FROM newest, jsonb_array_elements(
         CASE jsonb_typeof(newest.value) WHEN 'array' THEN newest.value ELSE jsonb_build_array(newest.value) END
       ) AS e(value)
 WHERE jsonb_typeof(e.value) IN ('string', 'number', 'boolean') AND e.value <> '""'
 GROUP BY e.value ORDER BY n DESC, e.value LIMIT %(most)s
