-- Bring companies up to date with what was told of their groups; a domain that no other company has becomes theirs.
-- Input: %(groups)s, a JSON array of {group_id, name, domain, attributes}.
WITH given AS (
  SELECT * FROM jsonb_to_recordset(%(groups)s::jsonb) AS row(group_id text, name text, domain text, attributes jsonb)
), locked AS MATERIALIZED (
  SELECT c.id, g.* FROM company c JOIN given g ON g.group_id = c.external_id
   WHERE c.workspace_id = %(workspace)s ORDER BY c.id FOR UPDATE OF c
), wanted AS (
  SELECT l.id, l.name, l.attributes,
         CASE WHEN row_number() OVER (PARTITION BY l.domain ORDER BY l.id) = 1
               AND NOT EXISTS (SELECT FROM company o WHERE o.workspace_id = %(workspace)s AND o.domain = l.domain)
              THEN l.domain END AS free_domain
    FROM locked l
)
UPDATE company c
   SET name = coalesce(nullif(w.name, ''), c.name), domain = coalesce(c.domain, w.free_domain), attributes = w.attributes
  FROM wanted w
 WHERE c.workspace_id = %(workspace)s AND c.id = w.id
   AND (c.name, c.domain, c.attributes)
       IS DISTINCT FROM (coalesce(nullif(w.name, ''), c.name), coalesce(c.domain, w.free_domain), w.attributes)
