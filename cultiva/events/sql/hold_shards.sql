-- Hold shards with about `limit` events until the end of the transaction, those another worker holds passed over; the
-- other shards are left to others. Reading begins at `start` and goes round, so that workers do not all ask for the
-- same ones first. More than 100 rows of a shard are not counted.
-- MATERIALIZED: a lock is tried for the shards chosen and for no other.
WITH waiting AS (
  SELECT shard, n, sum(n) OVER (ORDER BY (shard - %(start)s + 64) %% 64) AS up_to
    FROM generate_series(0, 63) AS shard
   CROSS JOIN LATERAL (
     SELECT count(*) AS n FROM (
       SELECT FROM event_inbox i
        WHERE i.workspace_id = %(workspace)s AND i.shard = shard.shard
          AND (%(only)s::bigint[] IS NULL OR i.event_id = ANY (%(only)s::bigint[]))
        LIMIT 100) AS first_ones) counted
   WHERE n > 0
), chosen AS MATERIALIZED (
  SELECT shard FROM waiting WHERE up_to - n < %(limit)s
)
SELECT shard FROM chosen
 WHERE pg_try_advisory_xact_lock(hashtextextended(format('event_inbox:%%s:%%s', %(workspace)s::bigint, shard), 0))
