-- Lock two leads against flow, which holds their states, and then against forms and consent, which hold their rows;
-- in id order. Merges and undos of one workspace go one at a time, so that they never wait for each other in a ring.
SELECT pg_advisory_xact_lock(hashtext('lead_merge'), (%(workspace)s %% 2147483647)::int);
SELECT lead_id FROM lead_state
 WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[]) ORDER BY lead_id FOR UPDATE;
SELECT id FROM lead
 WHERE workspace_id = %(workspace)s AND id = ANY (%(leads)s::bigint[])
 ORDER BY CASE WHEN %(is_undo)s THEN -(merged_into_id IS NOT NULL)::int ELSE 0 END, id FOR NO KEY UPDATE
