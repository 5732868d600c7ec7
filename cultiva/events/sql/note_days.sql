-- Count events by the day of their receipt, in the workspace's time zone; step `dayed` stands before this text.
-- note_names has decided which names are kept apart.
given AS (
  SELECT (d.received_at AT TIME ZONE w.time_zone)::date AS day, d.source_id, d.kind, coalesce(known.name, '') AS name,
         sum(d.n) AS n
    FROM dayed d
    JOIN workspace w ON w.id = %(workspace)s
    LEFT JOIN event_name known
      ON known.workspace_id = %(workspace)s AND known.source_id = d.source_id AND known.kind = d.kind
     AND known.name = d.name
   GROUP BY 1, 2, 3, 4
)
INSERT INTO event_day AS known (workspace_id, day, source_id, kind, name, count)
SELECT %(workspace)s, day, source_id, kind, name, n FROM given
 ORDER BY day, source_id, kind, name
ON CONFLICT (workspace_id, day, source_id, kind, name) DO UPDATE SET count = known.count + EXCLUDED.count
