-- How many events came each day, by day.
SELECT day, sum(count)::bigint AS count FROM event_day
 WHERE workspace_id = %(workspace)s AND day >= %(since)s
   AND (%(name)s::text IS NULL OR name = %(name)s::text)
   AND (%(source)s::bigint IS NULL OR source_id = %(source)s::bigint)
 GROUP BY day ORDER BY day
