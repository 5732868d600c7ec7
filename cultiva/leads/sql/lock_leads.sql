-- In id order: two batches that share leads wait for each other, they never deadlock.
SELECT lead_id FROM lead_state
 WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
 ORDER BY lead_id FOR UPDATE
