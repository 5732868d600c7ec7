-- Mails that waited for their readers to confirm the address are due now.
UPDATE outbox SET not_before = %(at)s
 WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s) AND state = 'ready'
   AND reason = %(unconfirmed)s AND not_before > %(at)s
