-- Names of events with their counts, those seen last first.
SELECT source_id, kind, name, first_seen_at, last_seen_at, count, last_event_id FROM event_name
 WHERE workspace_id = %(workspace)s AND (%(source)s::bigint IS NULL OR source_id = %(source)s::bigint)
 ORDER BY last_seen_at DESC, source_id, kind, name
