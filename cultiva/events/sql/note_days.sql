-- Count events by the day of their receipt, in the workspace's time zone. `seen` stands before this text; note_names
-- has decided which names are kept apart.
given AS (
  SELECT (e.received_at AT TIME ZONE w.time_zone)::date AS day, e.source_id, e.kind, coalesce(known.name, '') AS name,
         count(*) AS n
    FROM seen e
    JOIN workspace w ON w.id = %(workspace)s
    LEFT JOIN event_name known
      ON known.workspace_id = %(workspace)s AND known.source_id = e.source_id AND known.kind = e.kind
     AND known.name = left(e.name, %(length)s)
   GROUP BY 1, 2, 3, 4
)
INSERT INTO event_day AS known (workspace_id, day, source_id, kind, name, count)
SELECT %(workspace)s, day, source_id, kind, name, n FROM given
 ORDER BY day, source_id, kind, name
ON CONFLICT (workspace_id, day, source_id, kind, name) DO UPDATE SET count = known.count + EXCLUDED.count
