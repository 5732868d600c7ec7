-- The latest events of a workspace by their receipt, newest first. `since` prunes partitions.
SELECT e.id, e.kind, e.name, e.occurred_at, e.received_at, e.lead_id, nullif(e.source_id, 0) AS source_id, e.actor,
       e.properties
  FROM event e
 WHERE e.workspace_id = %(workspace)s AND e.received_at >= %(since)s AND e.id < %(before_id)s
   AND (%(name)s = '' OR e.name = %(name)s) AND (%(kind)s = '' OR e.kind = %(kind)s)
   AND (%(source)s::bigint IS NULL OR e.source_id = %(source)s)
 ORDER BY e.id DESC LIMIT %(limit)s
