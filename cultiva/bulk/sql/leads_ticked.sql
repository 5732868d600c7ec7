-- Leads chosen one by one, as far as they are there.
SELECT s.lead_id AS id FROM lead_state s
 WHERE s.workspace_id = %(workspace)s AND s.lead_id = ANY (%(leads)s::bigint[])
