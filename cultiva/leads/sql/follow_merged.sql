-- What waits for leads that were merged meanwhile waits for the ones they are now.
UPDATE lead_inbox i SET lead_id = a.lead_id
  FROM lead_alias a
 WHERE a.workspace_id = %(workspace)s AND a.merged_id = ANY (%(leads)s::bigint[])
   AND i.workspace_id = %(workspace)s AND i.lead_id = a.merged_id
