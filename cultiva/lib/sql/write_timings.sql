-- What one worker has added up since its start. Rows of workers that ended long ago go.
WITH gone AS (
  DELETE FROM flow_timing WHERE updated_at < %(old)s
)
INSERT INTO flow_timing (worker, step, count, seconds, buckets, last_size, updated_at)
SELECT %(worker)s, step, count, seconds, buckets, last_size, %(now)s
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS row(step text, count bigint, seconds float8, buckets bigint[], last_size int)
 ORDER BY step
ON CONFLICT (worker, step) DO UPDATE
   SET count = EXCLUDED.count, seconds = EXCLUDED.seconds, buckets = EXCLUDED.buckets,
       last_size = EXCLUDED.last_size, updated_at = EXCLUDED.updated_at
