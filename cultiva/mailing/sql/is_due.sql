-- Whether any mail of a workspace waits to be sent; one look at each end of the queue's index.
SELECT EXISTS (
  SELECT FROM outbox
   WHERE workspace_id = %(workspace)s AND state IN ('ready', 'retry') AND not_before <= %(at)s
     AND (purpose = 'transactional') = true
) OR EXISTS (
  SELECT FROM outbox
   WHERE workspace_id = %(workspace)s AND state IN ('ready', 'retry') AND not_before <= %(at)s
     AND (purpose = 'transactional') = false
) AS is_due
