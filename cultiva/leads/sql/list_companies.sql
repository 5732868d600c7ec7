-- A page of companies by name, with the number of their leads.
WITH page AS (
  SELECT id, name, domain, external_id, attributes,
         lower(coalesce(nullif(name, ''), domain, external_id, '')) AS sort_key
    FROM company
   WHERE workspace_id = %(workspace)s
     AND (%(words)s::text[] = '{}' OR id IN (SELECT company_search(%(words)s)))
     AND (lower(coalesce(nullif(name, ''), domain, external_id, '')), id) > (%(key)s, %(id)s)
   ORDER BY sort_key, id LIMIT %(limit)s
)
SELECT p.*, (SELECT count(*) FROM lead l WHERE l.workspace_id = %(workspace)s AND l.company_id = p.id) AS leads
  FROM page p ORDER BY sort_key, id
