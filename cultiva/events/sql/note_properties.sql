-- Keep which properties events of each name have, and their types; step `typed` stands before this text. note_names has
-- decided which names are kept apart. Properties beyond the most that are kept of a name are passed over.
given AS (
  SELECT known.kind, known.name, t.property, t.type, max(t.last_at) AS last_at, min(t.first_id) AS first_id
    FROM typed t
    JOIN event_name known
      ON known.workspace_id = %(workspace)s AND known.source_id = t.source_id AND known.kind = t.kind
     AND known.name = t.name AND known.name <> ''
   GROUP BY 1, 2, 3, 4
), newcomer AS (
  SELECT kind, name, property, row_number() OVER (PARTITION BY kind, name ORDER BY min(first_id), property) AS place
    FROM given g
   WHERE NOT EXISTS (SELECT FROM event_property known
                      WHERE known.workspace_id = %(workspace)s AND known.kind = g.kind AND known.name = g.name
                        AND known.property = g.property)
   GROUP BY 1, 2, 3
), room AS (
  SELECT named.kind, named.name, %(most)s - count(DISTINCT known.property) AS n
    FROM (SELECT DISTINCT kind, name FROM newcomer) named
    LEFT JOIN event_property known
      ON known.workspace_id = %(workspace)s AND known.kind = named.kind AND known.name = named.name
   GROUP BY 1, 2
), refused AS (
  SELECT kind, name, property FROM newcomer JOIN room USING (kind, name) WHERE newcomer.place > room.n
)
INSERT INTO event_property AS known (workspace_id, kind, name, property, type, last_seen_at)
SELECT %(workspace)s, kind, name, property, type, last_at FROM given g
 WHERE NOT EXISTS (SELECT FROM refused r WHERE r.kind = g.kind AND r.name = g.name AND r.property = g.property)
 ORDER BY kind, name, property, type
ON CONFLICT (workspace_id, kind, name, property, type) DO UPDATE
   SET last_seen_at = greatest(known.last_seen_at, EXCLUDED.last_seen_at)
