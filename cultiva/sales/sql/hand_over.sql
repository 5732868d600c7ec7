-- Give each lead whose newest stage change is one of `changes`, into one of `stages`, to the seller whose last
-- hand-over lies furthest back; several leads go round all sellers. In: `hours` until it is due.
-- Two batches at once may pick the same seller first: that costs fairness by one, never a hand-over.
WITH due AS (
  SELECT c.id, c.lead_id, c.to_stage, row_number() OVER (ORDER BY c.id) - 1 AS turn
    FROM stage_change c
   WHERE c.workspace_id = %(workspace)s AND c.id = ANY (%(changes)s) AND c.to_stage = ANY (%(stages)s)
     AND NOT EXISTS (
       SELECT FROM stage_change later
        WHERE later.workspace_id = c.workspace_id AND later.lead_id = c.lead_id AND later.ordinal > c.ordinal)
     AND NOT EXISTS (
       SELECT FROM hand_over h WHERE h.workspace_id = c.workspace_id AND h.stage_change_id = c.id)
), member AS (
  SELECT m.user_id, rank() OVER (ORDER BY m.role = 'sales' DESC) AS choice
    FROM membership m
    JOIN staff_user u ON u.id = m.user_id
   WHERE m.workspace_id = %(workspace)s AND m.role IN ('sales', 'owner') AND u.is_active
), seller AS (
  SELECT user_id, row_number() OVER (ORDER BY last.id NULLS FIRST, user_id) - 1 AS turn, count(*) OVER () AS sellers
    FROM member
   CROSS JOIN LATERAL (
     SELECT max(h.id) AS id FROM hand_over h
      WHERE h.workspace_id = %(workspace)s AND h.owner_id = member.user_id
   ) last
   WHERE choice = 1 -- owners only where nobody has the role sales
), given AS (
  INSERT INTO hand_over (workspace_id, lead_id, stage_change_id, owner_id, created_at, due_at, reason)
  SELECT %(workspace)s, due.lead_id, due.id, seller.user_id, %(at)s, %(at)s + make_interval(hours => %(hours)s), ''
    FROM due
    LEFT JOIN seller ON seller.turn = due.turn %% seller.sellers
   ORDER BY due.turn
  ON CONFLICT (workspace_id, stage_change_id) DO NOTHING
  RETURNING id, lead_id, owner_id, due_at
), owned AS (
  UPDATE lead_state state
     SET owner_id = given.owner_id
    FROM given
   WHERE state.workspace_id = %(workspace)s AND state.lead_id = given.lead_id AND given.owner_id IS NOT NULL
)
SELECT id, lead_id, owner_id, due_at FROM given ORDER BY id
