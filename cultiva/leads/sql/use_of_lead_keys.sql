-- How many of the newest leads have each key. One row a key, each with how many leads were looked at.
WITH newest AS MATERIALIZED (
  SELECT attributes FROM lead WHERE workspace_id = %(workspace)s AND merged_into_id IS NULL
   ORDER BY created_at DESC, id DESC LIMIT %(most)s
)
SELECT k.key, count(*) AS n, (SELECT count(*) FROM newest) AS counted
  FROM newest, jsonb_object_keys(attributes) AS k(key) GROUP BY k.key ORDER BY k.key
