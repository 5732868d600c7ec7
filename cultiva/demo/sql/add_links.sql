-- Say which visitors turned out to be which leads.
INSERT INTO visitor_link (workspace_id, visitor, lead_id, linked_at)
SELECT %(workspace)s, visitor, lead_id, linked_at
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(visitor uuid, lead_id bigint, linked_at timestamptz)
 ORDER BY linked_at, lead_id
