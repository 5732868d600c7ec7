-- A lead who never moved stands at the start since they became a lead: since the earlier of the two did.
UPDATE lead_state state SET stage_since = m.created_at
  FROM lead m
 WHERE state.workspace_id = %(workspace)s AND state.lead_id = %(kept)s
   AND m.workspace_id = %(workspace)s AND m.id = %(merged)s AND m.created_at < state.stage_since
   AND NOT EXISTS (
     SELECT FROM lasting_stage_change c WHERE c.workspace_id = %(workspace)s AND c.lead_id = %(kept)s)
