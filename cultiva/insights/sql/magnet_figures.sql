-- How magnets do: seen (openings of the forms that give them now), asked, valid, opened, qualified, and what they cost.
-- Each step but the first counts leads, those of the step before alone. %(magnet)s: one of them; '' for all.
WITH giving AS (
  SELECT DISTINCT ON (key) key, body ->> 'magnet' AS magnet FROM form_version
   WHERE workspace_id = %(workspace)s ORDER BY key, version DESC
), seen AS (
  SELECT giving.magnet, sum(d.views)::int AS n FROM giving
    JOIN form_day d ON d.workspace_id = %(workspace)s AND d.key = giving.key GROUP BY 1
), people AS (
  SELECT g.magnet, m.valid_since IS NOT NULL AS is_valid, g.opened_at IS NOT NULL AS is_opened,
         s.stage = ANY(%(rungs)s::text[]) OR EXISTS (
           SELECT FROM stage_change c WHERE c.workspace_id = g.workspace_id AND c.lead_id = g.lead_id
              AND c.to_stage = ANY(%(rungs)s::text[])) AS is_qualified
    FROM magnet_grant g
    LEFT JOIN consent_mark m ON m.workspace_id = g.workspace_id AND m.lead_id = g.lead_id
    LEFT JOIN lead_state s ON s.workspace_id = g.workspace_id AND s.lead_id = g.lead_id
   WHERE g.workspace_id = %(workspace)s AND (%(magnet)s = '' OR g.magnet = %(magnet)s)
), counted AS (
  SELECT magnet, count(*) AS asked, count(*) FILTER (WHERE is_valid) AS valid,
         count(*) FILTER (WHERE is_valid AND is_opened) AS opened,
         count(*) FILTER (WHERE is_valid AND is_opened AND is_qualified) AS qualified
    FROM people GROUP BY magnet
), costs AS (
  SELECT magnet, sum(amount) AS cost FROM magnet_cost WHERE workspace_id = %(workspace)s GROUP BY magnet
)
SELECT k.magnet, coalesce(seen.n, 0) AS seen, coalesce(asked, 0) AS asked, coalesce(valid, 0) AS valid,
       coalesce(opened, 0) AS opened, coalesce(qualified, 0) AS qualified, cost
  FROM (SELECT magnet FROM seen UNION SELECT magnet FROM counted UNION SELECT magnet FROM costs) k
  LEFT JOIN seen USING (magnet) LEFT JOIN counted USING (magnet) LEFT JOIN costs USING (magnet)
 WHERE k.magnet IS NOT NULL AND (%(magnet)s = '' OR k.magnet = %(magnet)s)
