-- For each persona and stage that magnets in force are meant for: which they are, who took one of them, and of those
-- who were ever marketing-qualified how many became sales-qualified. A later stage counts as reached.
WITH offer AS (
  SELECT v.key AS magnet, coalesce(v.body ->> 'persona', '') AS persona, coalesce(v.body ->> 'stage', '') AS stage
    FROM magnet_version v WHERE v.workspace_id = %(workspace)s AND v.id = ANY(%(versions)s::bigint[])
), taker AS (
  SELECT DISTINCT offer.persona, offer.stage, g.lead_id FROM offer
    JOIN magnet_grant g ON g.workspace_id = %(workspace)s AND g.magnet = offer.magnet
), climbed AS (
  SELECT t.persona, t.stage, t.lead_id,
         greatest(array_position(%(rungs)s::text[], s.stage::text),
                  (SELECT max(array_position(%(rungs)s::text[], c.to_stage::text)) FROM stage_change c
                    WHERE c.workspace_id = %(workspace)s AND c.lead_id = t.lead_id)) AS rung
    FROM taker t LEFT JOIN lead_state s ON s.workspace_id = %(workspace)s AND s.lead_id = t.lead_id
), counted AS (
  SELECT persona, stage, count(*) AS takers, count(*) FILTER (WHERE rung >= 1) AS qualified,
         count(*) FILTER (WHERE rung >= 2) AS moved
    FROM climbed GROUP BY persona, stage
)
SELECT o.persona, o.stage, array_agg(o.magnet ORDER BY o.magnet) AS magnets, coalesce(max(c.takers), 0) AS takers,
       coalesce(max(c.qualified), 0) AS qualified, coalesce(max(c.moved), 0) AS moved
  FROM offer o LEFT JOIN counted c ON c.persona = o.persona AND c.stage = o.stage
 GROUP BY o.persona, o.stage
