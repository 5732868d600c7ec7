-- The months of which the ledger holds events of a workspace, by their receipt (UTC), with how many and the newest id.
SELECT to_char(date_trunc('month', received_at AT TIME ZONE 'UTC'), 'YYYY-MM') AS month, count(*) AS rows, max(id) AS newest
  FROM event
 WHERE workspace_id = %(workspace)s
 GROUP BY 1
 ORDER BY 1
