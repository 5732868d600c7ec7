-- Companies of groups and domains that have none. In key order, so that two workers cannot wait for each other.
-- Input: %(groups)s, a JSON array of {group_id, domain}; %(domains)s, one of {domain, name}.
WITH group_made AS (
  INSERT INTO company (workspace_id, name, domain, external_id, attributes, created_at)
  SELECT %(workspace)s, '', NULL, group_id, '{}', %(at)s
    FROM jsonb_to_recordset(%(groups)s::jsonb) AS row(group_id text)
   ORDER BY group_id
  ON CONFLICT DO NOTHING
)
INSERT INTO company (workspace_id, name, domain, external_id, attributes, created_at)
SELECT %(workspace)s, name, domain, NULL, '{}', %(at)s
  FROM jsonb_to_recordset(%(domains)s::jsonb) AS row(domain text, name text)
 ORDER BY domain
ON CONFLICT DO NOTHING
