-- Keep the newest messages of each source in quarantine; the others are dropped and counted.
WITH gone AS (
  DELETE FROM event_quarantine q
   USING unnest(%(source_ids)s::bigint[]) AS touched (source_id)
   WHERE q.workspace_id = %(workspace)s AND q.source_id = touched.source_id
     AND q.id <= (SELECT o.id FROM event_quarantine o
                   WHERE o.workspace_id = %(workspace)s AND o.source_id = touched.source_id
                   ORDER BY o.id DESC OFFSET %(most)s LIMIT 1)
  RETURNING q.source_id
)
INSERT INTO event_quarantine_dropped (workspace_id, source_id, count)
SELECT %(workspace)s, source_id, count(*) FROM gone GROUP BY source_id
ON CONFLICT (workspace_id, source_id) DO UPDATE SET count = event_quarantine_dropped.count + excluded.count
