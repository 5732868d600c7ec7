-- The leads of a persona in each interval of the primary score; empty intervals between are 0.
WITH placed AS (
  SELECT floor(s.score / %(width)s)::int AS place FROM lead_persona p
    JOIN lead_state s ON s.workspace_id = %(workspace)s AND s.lead_id = p.lead_id
   WHERE p.workspace_id = %(workspace)s AND p.persona = %(persona)s AND s.score IS NOT NULL
)
SELECT slot * %(width)s AS low, (slot + 1) * %(width)s AS high, count(p.place) AS leads
  FROM generate_series((SELECT min(place) FROM placed), (SELECT max(place) FROM placed)) AS slot
  LEFT JOIN placed p ON p.place = slot
 GROUP BY slot ORDER BY slot
