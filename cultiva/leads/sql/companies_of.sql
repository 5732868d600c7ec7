-- Companies with one of these domains or group ids.
SELECT id, domain, external_id FROM company
 WHERE workspace_id = %(workspace)s
   AND (domain = ANY (%(domain_names)s::text[]) OR external_id = ANY (%(group_ids)s::text[]))
 ORDER BY id
