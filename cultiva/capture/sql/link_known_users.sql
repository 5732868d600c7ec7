-- Visitors whose user id is the external id of a lead are that lead; links do not move.
INSERT INTO visitor_link (workspace_id, visitor, lead_id, linked_at)
SELECT l.workspace_id, named.visitor, l.id, %(at)s::timestamptz
  FROM unnest(%(visitors)s::uuid[], %(users)s::text[]) AS named(visitor, user_id)
  JOIN lead l ON l.workspace_id = %(workspace)s AND l.external_id = named.user_id
 ORDER BY named.visitor
ON CONFLICT (workspace_id, visitor) DO NOTHING
