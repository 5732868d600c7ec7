-- The ledger tells of each stage change.
INSERT INTO event (workspace_id, source_id, kind, name, lead_id, occurred_at, received_at, by, actor, properties)
SELECT %(workspace)s, 0, 'stage', 'stage_changed', lead_id, at, at, 'system', 'unknown',
       jsonb_build_object('from', from_stage, 'to', to_stage, 'guard', evidence ->> 'guard', 'cycle', 1, 'change', id)
  FROM stage_change WHERE workspace_id = %(workspace)s ORDER BY at
