-- Whose main persona it was at an instant, newest leads first. Of those whose persona has not changed since, it is the
-- one they have; of the others the ledger tells the last change before it.
-- Output: lead_id, email, attributes, since, closeness; `of`: how many there are in all.
WITH found AS (
  SELECT p.lead_id, p.since, p.closeness
    FROM lead_persona p
   WHERE p.workspace_id = %(workspace)s AND p.persona = %(persona)s AND p.since < %(end)s
  UNION ALL
  SELECT p.lead_id, e.occurred_at, (e.properties ->> 'closeness')::float8
    FROM lead_persona p
   CROSS JOIN LATERAL (
     SELECT e.occurred_at, e.properties FROM event e
      WHERE e.workspace_id = %(workspace)s AND e.lead_id = p.lead_id AND e.kind = 'segment'
        AND e.name = 'persona_changed' AND e.occurred_at < %(end)s
      ORDER BY e.occurred_at DESC, e.id DESC LIMIT 1) e
   WHERE p.workspace_id = %(workspace)s AND p.since >= %(end)s AND p.ordinal > 1
     AND e.properties ->> 'persona' = %(persona)s
), shown AS (
  SELECT f.*, count(*) OVER () AS of FROM found f ORDER BY f.lead_id DESC LIMIT %(limit)s
)
SELECT s.*, l.email, l.attributes, l.phone_key
  FROM shown s JOIN lead l ON l.workspace_id = %(workspace)s AND l.id = s.lead_id ORDER BY s.lead_id DESC
