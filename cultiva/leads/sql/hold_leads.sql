-- Lock those of the leads that nobody holds.
SELECT lead_id FROM lead_state
 WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
 ORDER BY lead_id FOR UPDATE SKIP LOCKED
