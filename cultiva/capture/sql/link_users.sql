-- Who bears an external id is the visitor of that user id; links do not move.
INSERT INTO visitor_link (workspace_id, visitor, lead_id, linked_at)
SELECT DISTINCT ON (visitor) %(workspace)s, visitor, lead_id, %(at)s::timestamptz
  FROM unnest(%(visitors)s::uuid[], %(leads)s::bigint[]) AS named(visitor, lead_id) ORDER BY visitor, lead_id
ON CONFLICT (workspace_id, visitor) DO NOTHING
