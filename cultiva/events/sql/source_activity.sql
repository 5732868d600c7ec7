-- Each source with what it sends: events today (the workspace's day), the last one, messages counted without consent
-- (UTC days), and messages in the quarantine.
SELECT s.id, n.last_seen_at, coalesce(d.today, 0)::bigint AS today, coalesce(u.uncovered_today, 0)::bigint AS uncovered_today,
       coalesce(u.uncovered, 0)::bigint AS uncovered, q.quarantined
  FROM event_source s
  LEFT JOIN LATERAL (SELECT max(last_seen_at) AS last_seen_at FROM event_name
                      WHERE workspace_id = s.workspace_id AND source_id = s.id) n ON true
  LEFT JOIN LATERAL (SELECT sum(count) AS today FROM event_day
                      WHERE workspace_id = s.workspace_id AND day = %(day)s AND source_id = s.id) d ON true
  LEFT JOIN LATERAL (SELECT sum(count) AS uncovered, sum(count) FILTER (WHERE day = %(utc_day)s) AS uncovered_today
                       FROM event_uncovered WHERE workspace_id = s.workspace_id AND source_id = s.id) u ON true
  LEFT JOIN LATERAL (SELECT count(*) AS quarantined FROM event_quarantine
                      WHERE workspace_id = s.workspace_id AND source_id = s.id) q ON true
 WHERE s.workspace_id = %(workspace)s
 ORDER BY s.id
