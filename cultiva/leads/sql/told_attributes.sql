-- The last value that identify events of these leads told of each attribute, ties by id; blank tells nothing.
-- Output: key, value, lead_id, occurred_at. %(leads)s: read through the view, so with their visitors and whom they are.
SELECT DISTINCT ON (told.key) told.key, told.value, e.lead_id, e.occurred_at
  FROM lead_event e
 CROSS JOIN LATERAL jsonb_each(e.properties) AS told(key, value)
 WHERE e.workspace_id = %(workspace)s AND e.lead_id = ANY (%(leads)s::bigint[]) AND e.kind = 'identify'
   AND e.occurred_at <= %(at)s AND told.key <> 'email'
   AND jsonb_typeof(told.value) NOT IN ('null', 'object') AND btrim(told.value #>> '{}') NOT IN ('', '[]')
 ORDER BY told.key, e.occurred_at DESC, e.id DESC
