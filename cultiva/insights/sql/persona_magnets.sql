-- What magnets the leads of a persona got, beside all leads with any persona; the most telling first.
-- Output: magnet, leads, share (of the persona's leads), lift (that share over the share among the others; NULL where
-- no other got it), customers (of these leads).
WITH placed AS MATERIALIZED (
  SELECT p.lead_id, p.persona = %(persona)s AS is_theirs, s.stage IN ('customer', 'service_qualified') AS is_customer
    FROM lead_persona p JOIN lead_state s ON s.workspace_id = %(workspace)s AND s.lead_id = p.lead_id
   WHERE p.workspace_id = %(workspace)s AND p.persona IS NOT NULL
), totals AS (
  SELECT count(*) FILTER (WHERE is_theirs)::float8 AS theirs, count(*) FILTER (WHERE NOT is_theirs)::float8 AS others
    FROM placed
), got AS (
  SELECT g.magnet, count(*) FILTER (WHERE is_theirs) AS leads, count(*) FILTER (WHERE NOT is_theirs) AS others,
         count(*) FILTER (WHERE is_theirs AND is_customer) AS customers
    FROM magnet_grant g JOIN placed p ON p.lead_id = g.lead_id
   WHERE g.workspace_id = %(workspace)s GROUP BY g.magnet
)
SELECT magnet, leads, leads / nullif(theirs, 0) AS share,
       (leads / nullif(theirs, 0)) / nullif(got.others / nullif(totals.others, 0), 0) AS lift, customers
  FROM got CROSS JOIN totals WHERE leads > 0 ORDER BY leads DESC, magnet LIMIT 10
