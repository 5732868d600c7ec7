-- Write what `computed` holds (scoring/compile.py gives the steps before this text): the scores of the touched leads
-- under one model, and, for the primary model, their row in lead_state. Touched leads that are not in `computed` may
-- not be profiled: they lose their scores. Scores under earlier versions of the model go, too.
-- Output: the leads whose temperature or grade changed. The first ones are told only of warm and hot leads.
previous AS (
  SELECT DISTINCT ON (s.lead_id) s.lead_id, s.temperature, s.grade
    FROM score s JOIN model_version v ON v.workspace_id = s.workspace_id AND v.id = s.model_id
   WHERE s.workspace_id = %(workspace)s AND s.lead_id = ANY (%(leads)s::bigint[]) AND v.key = %(key)s
   ORDER BY s.lead_id, v.version DESC
), banded AS MATERIALIZED (
  SELECT c.*, p.temperature AS from_temperature, p.grade AS from_grade,
         -- Hysteresis: a band, once reached, is left only below its limit by that much.
         CASE WHEN %(hot)s::float8 IS NULL THEN NULL
              WHEN c.total >= %(hot)s::float8
                OR p.temperature = 'hot' AND c.total >= %(hot)s::float8 - %(hysteresis)s::float8 THEN 'hot'
              WHEN c.total >= %(warm)s::float8
                OR p.temperature IN ('warm', 'hot') AND c.total >= %(warm)s::float8 - %(hysteresis)s::float8 THEN 'warm'
              ELSE 'cold' END AS temperature
    FROM computed c LEFT JOIN previous p ON p.lead_id = c.lead_id
), stored AS (
  INSERT INTO score (workspace_id, lead_id, model_id, total, dimensions, temperature, grade, at, next_change_at)
  SELECT %(workspace)s, lead_id, %(model)s, total, dimensions, temperature, grade, %(at)s, next_change_at FROM banded
  ON CONFLICT (workspace_id, lead_id, model_id) DO UPDATE
     SET total = EXCLUDED.total, dimensions = EXCLUDED.dimensions, temperature = EXCLUDED.temperature,
         grade = EXCLUDED.grade, at = EXCLUDED.at, next_change_at = EXCLUDED.next_change_at
), removed AS (
  DELETE FROM score s USING model_version v
   WHERE s.workspace_id = %(workspace)s AND s.lead_id = ANY (%(leads)s::bigint[])
     AND v.workspace_id = s.workspace_id AND v.id = s.model_id AND v.key = %(key)s
     AND NOT (v.id = %(model)s AND s.lead_id IN (SELECT lead_id FROM banded))
), shown AS (
  UPDATE lead_state s SET temperature = b.temperature, grade = b.grade, score = b.total
    FROM unnest(%(leads)s::bigint[]) AS given(lead_id) LEFT JOIN banded b ON b.lead_id = given.lead_id
   WHERE %(is_primary)s AND s.workspace_id = %(workspace)s AND s.lead_id = given.lead_id
     AND (s.temperature, s.grade, s.score) IS DISTINCT FROM (b.temperature, b.grade, b.total)
)
SELECT lead_id, total, from_temperature, temperature, from_grade, grade
  FROM banded
 WHERE temperature IS DISTINCT FROM from_temperature
       AND (from_temperature IS NOT NULL OR temperature IN ('warm', 'hot'))
    OR grade IS DISTINCT FROM from_grade AND (from_grade IS NOT NULL OR temperature IN ('warm', 'hot'))
 ORDER BY lead_id
