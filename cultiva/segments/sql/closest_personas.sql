-- The closest of some personas (personas/closeness.py gives the steps before this text, and the personas in place of the
-- row of zeros), for leads of whom any criterion holds. Output: lead_id, key, closeness.
SELECT DISTINCT ON (h.lead_id) h.lead_id, p.key, p.closeness
  FROM held h CROSS JOIN LATERAL (VALUES
    (0, 0, 0, NULL)) AS p(key, place, closeness, holds)
 ORDER BY h.lead_id, p.closeness DESC, p.place
