-- What came last, newest first. The inner limit bounds what a rare name or source can cost. Behind event `after`, no
-- receipt more than a minute before its own is looked at: who asks again and again reads the newest alone.
SELECT id, source_id, kind, name, visitor, lead_id, occurred_at, received_at, actor, properties, context
  FROM (SELECT * FROM event
         WHERE workspace_id = %(workspace)s
           AND received_at >= coalesce((SELECT received_at - interval '1 minute' FROM event
                                         WHERE workspace_id = %(workspace)s AND id = %(after)s), '-infinity')
         ORDER BY received_at DESC, id DESC LIMIT %(look_back)s) newest
 WHERE (%(source)s::bigint IS NULL OR source_id = %(source)s::bigint)
   AND (%(name)s::text IS NULL OR name = %(name)s::text)
   AND id > %(after)s
 ORDER BY received_at DESC, id DESC LIMIT %(limit)s
