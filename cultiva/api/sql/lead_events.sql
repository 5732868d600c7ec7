-- What a lead did and what was recorded of them, newest first: their own, their visitors' and their merged leads'.
SELECT e.id, e.kind, e.name, e.occurred_at, e.received_at, e.lead_id, nullif(e.source_id, 0) AS source_id, e.actor,
       e.properties
  FROM lead_event e
 WHERE e.workspace_id = %(workspace)s AND e.lead_id = %(lead)s AND e.occurred_at <= %(before)s
   AND (%(name)s = '' OR e.name = %(name)s) AND (%(kind)s = '' OR e.kind = %(kind)s)
   AND (e.occurred_at, e.id) < (%(before)s, %(before_id)s)
 ORDER BY e.occurred_at DESC, e.id DESC LIMIT %(limit)s
