-- Leads for whom the instant has come at which time alone may change a segment, and those who are marked for one that is
-- not being built; the longest overdue first.
SELECT lead_id FROM (
  (SELECT lead_id, due_at FROM segment_wake
    WHERE workspace_id = %(workspace)s AND due_at <= %(at)s AND lead_id <> ALL (%(without)s::bigint[])
    ORDER BY due_at, lead_id LIMIT %(limit)s)
  UNION ALL
  (SELECT m.lead_id, m.at FROM segment_mark m
     JOIN segment s ON s.workspace_id = m.workspace_id AND s.id = m.segment_id AND NOT s.wants_build
    WHERE m.workspace_id = %(workspace)s AND m.at <= %(at)s AND m.lead_id <> ALL (%(without)s::bigint[])
    ORDER BY m.at, m.lead_id LIMIT %(limit)s)) due
 GROUP BY lead_id ORDER BY min(due_at), lead_id LIMIT %(limit)s
