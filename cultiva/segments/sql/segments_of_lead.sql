-- The segments a lead is in now.
SELECT s.id, s.key, s.name, m.since FROM segment_member m
  JOIN segment s ON s.workspace_id = %(workspace)s AND s.id = m.segment_id
 WHERE m.workspace_id = %(workspace)s AND m.lead_id = %(lead)s AND m.until IS NULL
 ORDER BY s.name, s.id
