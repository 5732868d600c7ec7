-- Hold shards in which events wait until the end of the transaction, those another worker holds passed over. Reading
-- begins at `start` and goes round, so that workers do not all ask for the same ones first.
-- MATERIALIZED: the lock is tried for shards in which something waits, and for no more than are wanted.
WITH waiting AS MATERIALIZED (
  SELECT shard FROM generate_series(0, 63) AS shard
   WHERE EXISTS (SELECT FROM event_inbox i
                  WHERE i.workspace_id = %(workspace)s AND i.shard = shard.shard
                    AND (%(only)s::bigint[] IS NULL OR i.event_id = ANY (%(only)s::bigint[])))
   ORDER BY (shard - %(start)s + 64) %% 64
)
SELECT shard FROM waiting
 WHERE pg_try_advisory_xact_lock(hashtextextended(format('event_inbox:%%s:%%s', %(workspace)s::bigint, shard), 0))
 LIMIT %(most)s
