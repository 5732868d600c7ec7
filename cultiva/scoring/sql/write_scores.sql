-- Write what `computed` holds (scoring/compile.py gives the steps before this text): the scores of the touched leads
-- under one model, and, for the primary model, their row in lead_state. Touched leads that are not in `computed` may
-- not be profiled: they lose their scores. Scores under earlier versions of the model go, too.
-- Output: the leads whose temperature or grade changed, and those of whom the total alone does not tell the temperature
-- (`is_open`), with what was stored before.
previous AS (
  SELECT DISTINCT ON (s.lead_id) s.lead_id, s.temperature, s.grade, s.at, s.points, s.model_id, s.next_change_at
    FROM score s JOIN model_version v ON v.workspace_id = s.workspace_id AND v.id = s.model_id
   WHERE s.workspace_id = %(workspace)s AND s.lead_id = ANY (%(leads)s::bigint[]) AND v.key = %(key)s
   ORDER BY s.lead_id, v.version DESC
), banded AS MATERIALIZED (
  SELECT c.*, p.temperature AS from_temperature, p.grade AS from_grade, p.at AS from_at, p.points AS from_points,
         p.model_id AS from_model, p.next_change_at AS due_at,
         -- Hysteresis: a band, once reached, is left only below its limit by that much.
         CASE WHEN %(hot)s::float8 IS NULL THEN NULL
              WHEN c.total >= %(hot)s::float8
                OR p.temperature = 'hot' AND c.total >= %(hot)s::float8 - %(hysteresis)s::float8 THEN 'hot'
              WHEN c.total >= %(warm)s::float8
                OR p.temperature IN ('warm', 'hot') AND c.total >= %(warm)s::float8 - %(hysteresis)s::float8 THEN 'warm'
              ELSE 'cold' END AS temperature,
         coalesce(c.total < %(hot)s::float8 AND c.total >= %(hot)s::float8 - %(hysteresis)s::float8
               OR c.total < %(warm)s::float8 AND c.total >= %(warm)s::float8 - %(hysteresis)s::float8, false) AS is_open
    FROM computed c LEFT JOIN previous p ON p.lead_id = c.lead_id
), stored AS (
  INSERT INTO score (workspace_id, lead_id, model_id, total, dimensions, points, temperature, grade, at, next_change_at)
  SELECT %(workspace)s, lead_id, %(model)s, total, dimensions, points, temperature, grade, %(at)s, next_change_at FROM banded
  ON CONFLICT (workspace_id, lead_id, model_id) DO UPDATE
     SET total = EXCLUDED.total, dimensions = EXCLUDED.dimensions, points = EXCLUDED.points, temperature = EXCLUDED.temperature,
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
SELECT lead_id, total, points, temperature, grade, is_open,
       from_temperature, from_grade, from_at, from_points, from_model, due_at
  FROM banded
 WHERE is_open OR temperature IS DISTINCT FROM from_temperature OR grade IS DISTINCT FROM from_grade
 ORDER BY lead_id
