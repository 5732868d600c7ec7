-- Leads who are not as close to a persona as to the one that stands before it, in pairs (personas/closeness.py gives the
-- steps before this text, and the personas in place of the row of zeros). Output: lead_id.
SELECT h.lead_id
  FROM held h CROSS JOIN LATERAL (
    SELECT true FROM (VALUES
    (0, 0, 0, NULL)) AS p(key, place, closeness, holds)
     GROUP BY p.place / 2 HAVING min(p.closeness) <> max(p.closeness) LIMIT 1) AS differs
 ORDER BY h.lead_id
