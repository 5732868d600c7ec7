-- Whether any mail of a workspace waits to be sent; one look at each of the two queues.
SELECT EXISTS (
  SELECT FROM outbox
   WHERE workspace_id = %(workspace)s AND state IN ('ready', 'retry') AND not_before <= %(at)s
     AND purpose = 'transactional'
) OR EXISTS (
  SELECT FROM outbox
   WHERE workspace_id = %(workspace)s AND state IN ('ready', 'retry') AND not_before <= %(at)s
     AND purpose <> 'transactional'
) AS is_due
