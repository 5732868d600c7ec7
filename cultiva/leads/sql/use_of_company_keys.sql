-- How many of the newest companies have each key. One row a key, each with how many companies were looked at.
WITH newest AS MATERIALIZED (
  SELECT attributes FROM company WHERE workspace_id = %(workspace)s ORDER BY id DESC LIMIT %(most)s
)
SELECT k.key, count(*) AS n, (SELECT count(*) FROM newest) AS counted
  FROM newest, jsonb_object_keys(attributes) AS k(key) GROUP BY k.key ORDER BY k.key
