-- What people who are leads, or we ourselves, told of groups, newest first; the same words again count once. `group_events` is a
-- function because row-level security would hide the index from a plain query.
SELECT e.group_id, e.properties, max(e.occurred_at) AS last_at
  FROM group_events(%(groups)s::text[]) e
 WHERE e.is_ours OR e.lead_id IS NOT NULL
    OR EXISTS (SELECT FROM visitor_link v WHERE v.workspace_id = e.workspace_id AND v.visitor = e.visitor)
 GROUP BY e.group_id, e.properties
 ORDER BY e.group_id, max(ARRAY[extract(epoch FROM e.occurred_at), e.id]) DESC
