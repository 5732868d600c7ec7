-- Write stage changes with their evidence, and the stage each lead now stands in.
-- In: `leads` with `moves`, the number (from 1) of each lead's move in `to_stages`, `by`, `reasons` and
-- `heads` (what the evidence says beside what is read here); `ladder`, the stages in their order.
-- Back to an earlier stage, or back from aside, begins a new cycle. Out: the changes, by id.
WITH moving AS (
  SELECT given.lead_id, move.to_stage, move.by, move.reason, move.head, state.stage AS from_stage,
         state.cycle + CASE
           WHEN array_position(%(ladder)s::text[], move.to_stage)
              < coalesce(array_position(%(ladder)s::text[], state.stage::text), 32767) THEN 1 ELSE 0
         END AS cycle
    FROM unnest(%(leads)s::bigint[], %(moves)s::bigint[]) AS given(lead_id, number)
    JOIN unnest(%(to_stages)s::text[], %(by)s::text[], %(reasons)s::text[], %(heads)s::jsonb[])
         WITH ORDINALITY AS move(to_stage, by, reason, head, number) USING (number)
    JOIN lead_state state ON state.workspace_id = %(workspace)s AND state.lead_id = given.lead_id
   WHERE state.stage <> move.to_stage
), written AS (
  INSERT INTO stage_change (workspace_id, lead_id, ordinal, from_stage, to_stage, cycle, at, by, reason, evidence)
  SELECT %(workspace)s, moving.lead_id, last.ordinal + 1, moving.from_stage, moving.to_stage, moving.cycle, %(at)s,
         moving.by, moving.reason,
         moving.head || jsonb_build_object(
           'score', score.total, 'temperature', score.temperature, 'grade', score.grade,
           'dimensions', score.dimensions, 'model', score.key, 'model_version', score.version,
           'events', acts.events)
    FROM moving
   CROSS JOIN LATERAL (
     SELECT coalesce(max(c.ordinal), 0) AS ordinal
       FROM stage_change c
      WHERE c.workspace_id = %(workspace)s AND c.lead_id = moving.lead_id
   ) last
    LEFT JOIN LATERAL (
      SELECT s.total, s.temperature, s.grade, s.dimensions, v.key, v.version
        FROM score s
        JOIN model_version v ON v.workspace_id = s.workspace_id AND v.id = s.model_id
       WHERE s.workspace_id = %(workspace)s AND s.lead_id = moving.lead_id AND v.is_primary
       ORDER BY v.published_at DESC, v.id DESC
       LIMIT 1
    ) score ON true
   CROSS JOIN LATERAL (
     SELECT coalesce(jsonb_agg(to_jsonb(act) ORDER BY act.occurred_at, act.id), '[]') AS events
       FROM (
         SELECT e.id, e.name, e.occurred_at
           FROM lead_event e
          WHERE e.workspace_id = %(workspace)s AND e.lead_id = moving.lead_id
            AND e.kind IN ('track', 'page', 'screen') AND e.actor <> 'machine' AND e.occurred_at <= %(at)s
          ORDER BY e.occurred_at DESC, e.id DESC
          LIMIT 5
       ) act
   ) acts
   ORDER BY moving.lead_id
  RETURNING id, lead_id, from_stage, to_stage, cycle, evidence ->> 'guard' AS guard
), stood AS (
  UPDATE lead_state state
     SET stage = written.to_stage, stage_since = %(at)s, cycle = written.cycle
    FROM written
   WHERE state.workspace_id = %(workspace)s AND state.lead_id = written.lead_id
)
SELECT id, lead_id, from_stage, to_stage, cycle, coalesce(guard, '') AS guard FROM written ORDER BY id
