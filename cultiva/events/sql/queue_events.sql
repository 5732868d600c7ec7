-- A part of the statements that store events: those just `stored` wait in the inbox for `flow`.
  INSERT INTO event_inbox (workspace_id, event_id, received_at, shard)
  SELECT %(workspace)s, id, received_at, event_shard(visitor, NULL) FROM stored WHERE %(queue)s
