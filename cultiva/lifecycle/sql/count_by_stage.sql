-- How many leads stand in each stage now, and how many ever reached it or a later one (aside: ever stood there).
-- In: `stages` with `rungs`, their places on the ladder (0: aside).
WITH rung AS (
  SELECT * FROM unnest(%(stages)s::text[], %(rungs)s::int[]) WITH ORDINALITY AS given(stage, place, number)
), stood AS (
  SELECT lead_id, stage FROM lead_state WHERE workspace_id = %(workspace)s
  UNION
  SELECT coalesce(a.lead_id, c.lead_id), c.to_stage -- who was merged counts once
    FROM lasting_stage_change c
    LEFT JOIN lead_alias a ON a.workspace_id = c.workspace_id AND a.merged_id = c.lead_id
   WHERE c.workspace_id = %(workspace)s
), furthest AS (
  SELECT place, count(*) AS leads
    FROM (SELECT max(rung.place) AS place FROM stood JOIN rung USING (stage) GROUP BY stood.lead_id) each
   GROUP BY place
), present AS (
  SELECT stage, count(*) AS leads FROM lead_state WHERE workspace_id = %(workspace)s GROUP BY stage
)
SELECT rung.stage AS key,
       coalesce((SELECT leads FROM present WHERE present.stage = rung.stage), 0) AS now,
       CASE WHEN rung.place > 0
         THEN coalesce((SELECT sum(leads) FROM furthest WHERE furthest.place >= rung.place), 0)
         ELSE (SELECT count(*) FROM stood WHERE stood.stage = rung.stage)
       END::bigint AS reached
  FROM rung
 ORDER BY rung.number
