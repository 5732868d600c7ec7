-- The stage of every lead as the fold of its recorded changes; decides nothing again.
UPDATE lead_state state
   SET stage = folded.stage, stage_since = folded.since, cycle = folded.cycle
  FROM (
    SELECT l.id AS lead_id, coalesce(last.to_stage, %(start)s) AS stage,
           coalesce(last.at, l.created_at) AS since, coalesce(last.cycle, 1) AS cycle
      FROM lead l
      LEFT JOIN (
        SELECT DISTINCT ON (lead_id) lead_id, to_stage, at, cycle
          FROM lasting_stage_change
         WHERE workspace_id = %(workspace)s
         ORDER BY lead_id, ordinal DESC
      ) last ON last.lead_id = l.id
     WHERE l.workspace_id = %(workspace)s
  ) folded
 WHERE state.workspace_id = %(workspace)s AND state.lead_id = folded.lead_id
   AND (state.stage, state.stage_since, state.cycle) IS DISTINCT FROM (folded.stage, folded.since, folded.cycle)
