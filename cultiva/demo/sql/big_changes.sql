-- The stage each lead stands in, by the guards of the demo's lifecycle as far as their last act tells, with its evidence.
INSERT INTO stage_change (workspace_id, lead_id, ordinal, from_stage, to_stage, cycle, at, by, reason, evidence)
SELECT %(workspace)s, moved.lead_id, 1, 'lead', moved.stage, 1, moved.at, 'guard', '',
       %(head)s::jsonb || jsonb_build_object('guard', moved.guard, 'score', moved.total, 'temperature', moved.temperature,
         'grade', moved.grade, 'dimensions', moved.dimensions, 'events', '[]'::jsonb)
  FROM (
    SELECT p.lead_id, s.total, s.temperature, s.grade, s.dimensions,
           CASE WHEN seen.bought_at IS NOT NULL THEN seen.bought_at
                WHEN p.job_title = 'estudiante' THEN p.created_at
                WHEN seen.asked_at > %(at)s::timestamptz - interval '30 days' THEN seen.asked_at
                ELSE greatest(seen.last_at, p.created_at) END AS at,
           CASE WHEN seen.bought_at IS NOT NULL THEN 'customer'
                WHEN p.job_title = 'estudiante' THEN 'disqualified'
                WHEN (s.total >= 60 AND (s.dimensions ->> 'fit')::float8 >= 15)
                  OR (seen.asked_at > %(at)s::timestamptz - interval '30 days' AND (s.dimensions ->> 'fit')::float8 >= 0)
                  THEN 'sales_qualified'
                WHEN s.total >= 40 AND (s.dimensions ->> 'fit')::float8 >= 20 THEN 'marketing_qualified' END AS stage,
           CASE WHEN seen.bought_at IS NOT NULL THEN 'compra'
                WHEN p.job_title = 'estudiante' THEN 'fuera-de-mercado'
                WHEN s.total >= 60 OR seen.asked_at > %(at)s::timestamptz - interval '30 days' THEN 'listo-para-ventas'
                ELSE 'interesa-a-marketing' END AS guard
      FROM big_person p
      JOIN big_seen seen ON seen.lead_id = p.lead_id
      JOIN score s ON s.workspace_id = %(workspace)s AND s.lead_id = p.lead_id AND s.model_id = %(model)s
     WHERE p.is_valid
  ) moved
 WHERE moved.stage IS NOT NULL
