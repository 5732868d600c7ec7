-- Leads, which the transaction holds, and beside each whose it is from now on (null: nobody's). Output: those whose
-- owner changed, with whom they had before.
WITH given AS (
  SELECT * FROM unnest(%(leads)s::bigint[], %(owners)s::bigint[]) AS given(lead_id, owner_id)
), before AS MATERIALIZED (
  SELECT s.lead_id, s.owner_id AS before, given.owner_id
    FROM lead_state s JOIN given ON given.lead_id = s.lead_id
   WHERE s.workspace_id = %(workspace)s AND s.lead_id = ANY (%(leads)s::bigint[])
     AND s.owner_id IS DISTINCT FROM given.owner_id
), changed AS (
  UPDATE lead_state s SET owner_id = before.owner_id
    FROM before WHERE s.workspace_id = %(workspace)s AND s.lead_id = before.lead_id
)
SELECT before.lead_id, before.before, before.owner_id, coalesce(u.full_name, '') AS owner_name
  FROM before LEFT JOIN staff_user u ON u.id = before.owner_id ORDER BY before.lead_id
