-- Enrolments whose wait is over, the longest due first; those another worker holds are passed over.
SELECT id, lead_id, version_id, node
  FROM enrolment
 WHERE workspace_id = %(workspace)s AND exited_at IS NULL AND due_at <= %(at)s
 ORDER BY due_at, id
 LIMIT %(limit)s
   FOR UPDATE SKIP LOCKED
