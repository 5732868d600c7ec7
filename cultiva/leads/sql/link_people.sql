-- Link visitors to leads, and with each all who said they were the same as it, however long the chain. Links that
-- are there do not move. In visitor order, so that two workers cannot wait for each other.
-- Of several events that link one, the nearest in the tree did.
-- Input: %(links)s, a JSON array of {visitor, lead_id, event_id}.
WITH RECURSIVE people AS (
  SELECT visitor, lead_id, event_id, 0 AS distance
    FROM jsonb_to_recordset(%(links)s::jsonb) AS row(visitor uuid, lead_id bigint, event_id bigint)
  UNION
  SELECT c.visitor, p.lead_id, p.event_id, p.distance + 1
    FROM people p JOIN visitor_claim c ON c.workspace_id = %(workspace)s AND c.same_as = p.visitor
)
INSERT INTO visitor_link (workspace_id, visitor, lead_id, linked_at, event_id)
SELECT DISTINCT ON (visitor) %(workspace)s, visitor, lead_id, %(at)s::timestamptz, event_id
  FROM people ORDER BY visitor, distance
ON CONFLICT (workspace_id, visitor) DO NOTHING
RETURNING visitor, lead_id
