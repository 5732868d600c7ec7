-- The lead that each address is known to belong to; a merged lead is the one it was merged into.
SELECT k.email_key, coalesce(a.lead_id, k.lead_id) AS lead_id
  FROM lead_address k LEFT JOIN lead_alias a ON a.workspace_id = k.workspace_id AND a.merged_id = k.lead_id
 WHERE k.workspace_id = %(workspace)s AND k.email_key = ANY (%(addresses)s)
