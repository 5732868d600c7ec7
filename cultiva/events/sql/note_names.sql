-- Count events by source, kind and name; step `named` stands before this text. Names of a source beyond the most that
-- are kept apart count together under ''. In the order of the key: two workers wait for each other and never deadlock.
newcomer AS (
  SELECT g.source_id, g.kind, g.name,
         row_number() OVER (PARTITION BY g.source_id ORDER BY g.first_id)
         + (SELECT count(*) FROM event_name known
             WHERE known.workspace_id = %(workspace)s AND known.source_id = g.source_id AND known.name <> '') AS place
    FROM named g
   WHERE NOT EXISTS (SELECT FROM event_name known
                      WHERE known.workspace_id = %(workspace)s AND known.source_id = g.source_id
                        AND known.kind = g.kind AND known.name = g.name)
), placed AS (
  SELECT g.source_id, g.kind, CASE WHEN newcomer.place > %(most)s THEN '' ELSE g.name END AS name, sum(g.n) AS n,
         min(g.first_at) AS first_at, max(g.last_at) AS last_at, max(g.last_id) AS last_id
    FROM named g LEFT JOIN newcomer USING (source_id, kind, name)
   GROUP BY 1, 2, 3
)
INSERT INTO event_name AS known (workspace_id, source_id, kind, name, first_seen_at, last_seen_at, count, last_event_id)
SELECT %(workspace)s, source_id, kind, name, first_at, last_at, n, last_id FROM placed
 ORDER BY source_id, kind, name
ON CONFLICT (workspace_id, source_id, kind, name) DO UPDATE
   SET first_seen_at = least(known.first_seen_at, EXCLUDED.first_seen_at),
       last_seen_at = greatest(known.last_seen_at, EXCLUDED.last_seen_at),
       count = known.count + EXCLUDED.count, last_event_id = greatest(known.last_event_id, EXCLUDED.last_event_id)
