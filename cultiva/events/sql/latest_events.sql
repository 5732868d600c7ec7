-- What came last, newest first. The inner limit bounds what a rare name or source can cost.
SELECT id, source_id, kind, name, visitor, lead_id, occurred_at, received_at, actor, properties, context
  FROM (SELECT * FROM event WHERE workspace_id = %(workspace)s
         ORDER BY received_at DESC, id DESC LIMIT %(look_back)s) newest
 WHERE (%(source)s::bigint IS NULL OR source_id = %(source)s::bigint)
   AND (%(name)s::text IS NULL OR name = %(name)s::text)
   AND id > %(after)s
 ORDER BY received_at DESC, id DESC LIMIT %(limit)s
