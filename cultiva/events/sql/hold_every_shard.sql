-- Wait for every worker that holds a shard, and keep all of them until the end of the transaction.
SELECT count(pg_advisory_xact_lock(hashtextextended(format('event_inbox:%%s:%%s', %(workspace)s::bigint, shard), 0)))
  FROM generate_series(0, 63) AS shard
