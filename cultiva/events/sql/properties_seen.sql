-- Properties of the events of one name with the types they came in, by property.
SELECT property, array_agg(DISTINCT type ORDER BY type) AS types, max(last_seen_at) AS last_seen_at FROM event_property
 WHERE workspace_id = %(workspace)s AND name = %(name)s AND (%(kind)s::text IS NULL OR kind = %(kind)s::text)
 GROUP BY property ORDER BY property
