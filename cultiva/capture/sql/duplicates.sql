-- Leads who have an address or a telephone, those with the address first; at most ten.
SELECT l.id FROM lead l
 WHERE l.workspace_id = %(workspace)s AND l.merged_into_id IS NULL
   AND (l.email_key = %(email_key)s OR l.phone_key = %(phone)s)
 ORDER BY (l.email_key = %(email_key)s) DESC NULLS LAST, l.id
 LIMIT 10
