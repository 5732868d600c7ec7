-- The leads by whose addresses (or those of leads merged into them) they are known.
SELECT l.email_key, l.id AS lead_id FROM lead l
 WHERE l.workspace_id = %(workspace)s AND l.email_key = ANY (%(keys)s::text[]) AND l.merged_into_id IS NULL
 UNION
SELECT x.email_key, coalesce(a.lead_id, x.lead_id) FROM lead_address x
  LEFT JOIN lead_alias a ON a.workspace_id = %(workspace)s AND a.merged_id = x.lead_id
 WHERE x.workspace_id = %(workspace)s AND x.email_key = ANY (%(keys)s::text[])
