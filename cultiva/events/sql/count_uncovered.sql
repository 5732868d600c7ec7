-- Count messages without consent to tracking, by source, day, kind and name. A source has at most so many names a day:
-- names that are new beyond that count as `other`, so that nothing of a person fills the table through them.
WITH given AS (
  SELECT * FROM unnest(%(source_ids)s::bigint[], %(days)s::date[], %(kinds)s::text[], %(names)s::text[],
                       %(counts)s::bigint[]) AS g (source_id, day, kind, name, count)
), judged AS (
  SELECT g.*, k.name IS NOT NULL AS is_known,
         (SELECT count(*) FROM event_uncovered u
           WHERE u.workspace_id = %(workspace)s AND u.source_id = g.source_id AND u.day = g.day)
         + row_number() OVER (PARTITION BY g.source_id, g.day, k.name IS NOT NULL ORDER BY g.kind, g.name) AS place
    FROM given g
    LEFT JOIN event_uncovered k ON k.workspace_id = %(workspace)s AND k.source_id = g.source_id AND k.day = g.day
                               AND k.kind = g.kind AND k.name = g.name
)
INSERT INTO event_uncovered (workspace_id, source_id, day, kind, name, count)
SELECT %(workspace)s, source_id, day, kind, CASE WHEN is_known OR place <= %(most)s THEN name ELSE 'other' END AS told,
       sum(count)
  FROM judged GROUP BY source_id, day, kind, told ORDER BY source_id, day, kind, told
ON CONFLICT (workspace_id, source_id, day, kind, name)
DO UPDATE SET count = event_uncovered.count + excluded.count
