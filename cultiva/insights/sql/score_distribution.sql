-- Leads in each interval of scores of one model version; empty intervals between are 0.
WITH placed AS (
  SELECT floor(total / %(width)s)::int AS place FROM score
   WHERE workspace_id = %(workspace)s AND model_id = %(model)s
)
SELECT slot * %(width)s AS low, (slot + 1) * %(width)s AS high, count(p.place) AS leads
  FROM generate_series((SELECT min(place) FROM placed), (SELECT max(place) FROM placed)) AS slot
  LEFT JOIN placed p ON p.place = slot
 GROUP BY slot ORDER BY slot
