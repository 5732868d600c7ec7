-- Failures whose next try is due.
SELECT id FROM flow_failure
 WHERE workspace_id = %(workspace)s AND next_try_at <= %(now)s
 ORDER BY next_try_at, id LIMIT %(limit)s
