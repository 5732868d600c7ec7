-- When each person last did something, and when they bought or asked for a quote last.
CREATE TEMP TABLE big_seen ON COMMIT DROP AS
SELECT coalesce(a.lead_id, p.lead_id) AS lead_id, max(a.at) FILTER (WHERE s.kind IN ('page', 'track') AND s.by = 'lead') AS last_at,
       max(a.at) FILTER (WHERE s.name = 'purchase') AS bought_at,
       max(a.at) FILTER (WHERE s.name = 'quote_requested') AS asked_at
  FROM big_act a
  JOIN big_saying s ON s.saying = a.saying
  LEFT JOIN big_person p ON a.visitor IS NOT NULL AND p.visitor = a.visitor
 GROUP BY 1
