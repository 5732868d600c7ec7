-- The scores of `computed` (the model's own steps before this text), with their bands; a first score knows no hysteresis.
INSERT INTO score (workspace_id, lead_id, model_id, total, dimensions, temperature, grade, at, next_change_at)
SELECT %(workspace)s, lead_id, %(model)s, total, dimensions,
       CASE WHEN %(hot)s::float8 IS NULL THEN NULL WHEN total >= %(hot)s::float8 THEN 'hot'
            WHEN total >= %(warm)s::float8 THEN 'warm' ELSE 'cold' END,
       grade, %(at)s, next_change_at
  FROM computed
