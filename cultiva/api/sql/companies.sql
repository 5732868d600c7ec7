-- Companies as the API shows them, by id.
SELECT c.id, c.name, c.domain, c.external_id, c.attributes, c.created_at,
       (SELECT count(*) FROM lead l
         WHERE l.workspace_id = c.workspace_id AND l.company_id = c.id AND l.merged_into_id IS NULL) AS lead_count
  FROM company c
 WHERE c.workspace_id = %(workspace)s AND c.id = ANY (%(companies)s::bigint[])
