-- Whoever wants no marketing gets none of what waits.
UPDATE outbox SET state = 'cancelled', reason = 'objected'
 WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
   AND purpose <> 'transactional' AND state IN ('ready', 'claimed', 'retry')
