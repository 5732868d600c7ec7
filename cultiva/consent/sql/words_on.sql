-- What leads said on a purpose, oldest first.
SELECT lead_id, occurred_at, name FROM lead_event
 WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[]) AND kind = 'consent'
   AND name IN ('given', 'withdrawn') AND properties ->> 'purpose' = %(purpose)s
 ORDER BY lead_id, occurred_at, id
