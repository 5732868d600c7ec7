-- Events that say who somebody is, by id, a chunk at a time.
SELECT id, source_id, kind, name, visitor, lead_id, occurred_at, actor, properties, context
  FROM event
 WHERE workspace_id = %(workspace)s AND id > %(after)s
   AND (kind IN ('identify', 'alias') OR context -> 'makes_leads' = 'true')
 ORDER BY id LIMIT %(limit)s
