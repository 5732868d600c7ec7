-- How far the leads of a persona ever came: a stage counts as reached where a later one of %(rungs)s was.
WITH theirs AS (
  SELECT p.lead_id,
         greatest(array_position(%(rungs)s::text[], s.stage::text),
                  (SELECT max(array_position(%(rungs)s::text[], c.to_stage::text)) FROM stage_change c
                    WHERE c.workspace_id = %(workspace)s AND c.lead_id = p.lead_id)) AS rung
    FROM lead_persona p JOIN lead_state s ON s.workspace_id = %(workspace)s AND s.lead_id = p.lead_id
   WHERE p.workspace_id = %(workspace)s AND p.persona = %(persona)s
)
SELECT 0 AS rung, count(*) AS leads FROM theirs
 UNION ALL
SELECT g.rung, count(t.lead_id) FROM generate_series(1, cardinality(%(rungs)s::text[])) AS g(rung)
  LEFT JOIN theirs t ON t.rung >= g.rung
 GROUP BY g.rung ORDER BY rung
