-- Webhooks older than they may be kept, in small batches.
DELETE FROM connector_delivery
 WHERE ctid = ANY (ARRAY(
   SELECT ctid FROM connector_delivery
    WHERE workspace_id = %(workspace)s AND received_at < %(before)s LIMIT %(limit)s))
