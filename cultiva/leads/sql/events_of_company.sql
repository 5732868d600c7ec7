-- The latest events of a company's leads, newest first: of the leads who were seen last.
WITH active AS MATERIALIZED (
  SELECT l.id, l.email, l.attributes
    FROM lead l JOIN lead_state s ON s.workspace_id = l.workspace_id AND s.lead_id = l.id
   WHERE l.workspace_id = %(workspace)s AND l.company_id = %(company)s
   ORDER BY coalesce(s.last_seen_at, l.created_at) DESC, l.id DESC LIMIT 20
)
SELECT e.lead_id, a.email, a.attributes, e.kind, e.name, e.occurred_at, e.properties
  FROM active a
  JOIN LATERAL (SELECT * FROM lead_event e
                 WHERE e.workspace_id = %(workspace)s AND e.lead_id = a.id AND e.occurred_at <= %(at)s
                   AND e.kind IN ('track', 'page', 'screen') AND e.actor <> 'machine'
                 ORDER BY e.occurred_at DESC, e.id DESC LIMIT 10) e ON true
 ORDER BY e.occurred_at DESC, e.id DESC LIMIT 20
