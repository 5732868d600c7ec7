-- A company known by its domain alone is the group that names this domain.
-- Input: %(groups)s, a JSON array of {group_id, name, domain, attributes}.
UPDATE company c SET external_id = g.group_id
  FROM (SELECT DISTINCT ON (domain) domain, group_id
          FROM jsonb_to_recordset(%(groups)s::jsonb) AS row(group_id text, domain text)
         WHERE domain IS NOT NULL ORDER BY domain, group_id) g
 WHERE c.workspace_id = %(workspace)s AND c.domain = g.domain AND c.external_id IS NULL
   AND NOT EXISTS (SELECT FROM company o WHERE o.workspace_id = %(workspace)s AND o.external_id = g.group_id)
