-- Empty a person's mails; those that did not leave are cancelled.
UPDATE outbox
   SET state = CASE WHEN state IN ('ready', 'claimed', 'retry') THEN 'cancelled' ELSE state END,
       variables = '{}', links = '[]', reason = ''
 WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
