-- Leads for whom the instant has come at which time alone may change a segment; the longest overdue first.
SELECT DISTINCT lead_id FROM (
  SELECT d.lead_id FROM segment_due d
    JOIN segment s ON s.workspace_id = d.workspace_id AND s.id = d.segment_id
   WHERE d.workspace_id = %(workspace)s AND d.due_at <= %(at)s AND NOT s.wants_build
     AND d.lead_id <> ALL (%(without)s::bigint[])
   ORDER BY d.due_at, d.lead_id LIMIT %(limit)s) longest
 ORDER BY lead_id
