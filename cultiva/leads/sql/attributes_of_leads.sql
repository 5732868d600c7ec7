-- What is known of leads, to change it: their rows are locked in id order.
SELECT id, attributes FROM lead
 WHERE workspace_id = %(workspace)s AND id = ANY (%(leads)s::bigint[])
 ORDER BY id FOR NO KEY UPDATE
