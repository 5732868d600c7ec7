-- Small batches: the key table is hot and must not be locked for long.
DELETE FROM event_key
 WHERE ctid = ANY (ARRAY(
   SELECT ctid FROM event_key WHERE workspace_id = %(workspace)s AND received_at < %(before)s LIMIT %(limit)s))
