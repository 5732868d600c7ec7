-- The months that hold events of a person, oldest first.
SELECT DISTINCT to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month
  FROM event
 WHERE workspace_id = %(workspace)s AND (lead_id = ANY (%(leads)s::bigint[]) OR visitor = ANY (%(visitors)s::uuid[]))
 ORDER BY 1
