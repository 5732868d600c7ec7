-- The transition each valid lead takes now: the first, in document order, that leaves its stage and whose guard holds.
-- In: `leads`; `stages` with `rungs`, their places on the ladder (0: aside). Out: lead_id, transition.
-- `lifecycle.actions` fills the CASE, one WHEN a transition; `happened` and `counted` are what criteria.one_pass says.
-- A guard leads into no closed stage:
--   one in which the lead already stood at this very instant, so that guards that chase each other come to rest;
--   one that leads back along a move of staff, before the person has done anything new.
WITH rung AS (
  SELECT * FROM unnest(%(stages)s::text[], %(rungs)s::int[]) AS given(stage, place)
), touched AS MATERIALIZED (
  SELECT m.lead_id AS id FROM consent_mark m
   WHERE m.workspace_id = %(workspace)s AND m.lead_id = ANY (%(leads)s::bigint[]) AND m.valid_since <= %(at)s
), happened AS (SELECT), counted AS MATERIALIZED (
  SELECT e.lead_id, 0 AS counts FROM happened e GROUP BY e.lead_id
)
SELECT lead_id, transition
  FROM (
    SELECT l.id AS lead_id, CASE WHEN false THEN 0 END AS transition
      FROM lead l
      JOIN lead_state state ON state.workspace_id = l.workspace_id AND state.lead_id = l.id
      JOIN touched ON touched.id = l.id
      LEFT JOIN counted t ON t.lead_id = l.id
     CROSS JOIN LATERAL (
       SELECT ARRAY(
         SELECT unnest(ARRAY[c.from_stage, c.to_stage])::text
           FROM stage_change c
          WHERE c.workspace_id = l.workspace_id AND c.lead_id = l.id AND c.at = %(at)s
         UNION ALL
         SELECT back.stage
           FROM stage_change c
           JOIN rung was ON was.stage = c.from_stage
           JOIN rung became ON became.stage = c.to_stage
           JOIN rung back ON back.stage <> c.to_stage
            AND back.place BETWEEN least(was.place, became.place) AND greatest(was.place, became.place)
          WHERE c.workspace_id = l.workspace_id AND c.lead_id = l.id AND c.by NOT IN ('guard', 'merge')
            AND coalesce(state.last_seen_at <= c.at, true)
       ) AS stages
       OFFSET 0 -- computed once a lead, not once a transition
     ) closed
     WHERE l.workspace_id = %(workspace)s AND l.id = ANY (%(leads)s)
  ) choice
 WHERE transition IS NOT NULL
 ORDER BY lead_id
