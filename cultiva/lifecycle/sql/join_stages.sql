-- Where the merged lead has come further, the kept lead stands there from now on, by a change that names the merge and
-- the other's own last change. In: `stages` with `places`, the order in which one is further than another.
WITH place AS (
  SELECT * FROM unnest(%(stages)s::text[], %(places)s::int[]) AS given(stage, place)
), further AS (
  SELECT k.stage AS from_stage, m.stage AS to_stage, greatest(k.cycle, m.cycle) AS cycle,
         (SELECT c.id FROM lasting_stage_change c
           WHERE c.workspace_id = %(workspace)s AND c.lead_id = %(merged)s ORDER BY c.ordinal DESC LIMIT 1) AS change
    FROM lead_state k
    JOIN lead_state m ON m.workspace_id = k.workspace_id AND m.lead_id = %(merged)s
    JOIN place ours ON ours.stage = k.stage
    JOIN place theirs ON theirs.stage = m.stage
   WHERE k.workspace_id = %(workspace)s AND k.lead_id = %(kept)s AND theirs.place > ours.place
), written AS (
  INSERT INTO stage_change (workspace_id, lead_id, ordinal, from_stage, to_stage, cycle, at, by, reason, evidence)
  SELECT %(workspace)s, %(kept)s,
         1 + coalesce((SELECT max(ordinal) FROM stage_change
                        WHERE workspace_id = %(workspace)s AND lead_id = %(kept)s), 0),
         from_stage, to_stage, cycle, %(at)s, 'merge', '',
         jsonb_build_object('merge', %(merge)s::bigint, 'merged', %(merged)s::bigint, 'change', change)
    FROM further
  RETURNING to_stage, cycle
)
UPDATE lead_state state SET stage = written.to_stage, stage_since = %(at)s, cycle = written.cycle
  FROM written
 WHERE state.workspace_id = %(workspace)s AND state.lead_id = %(kept)s
