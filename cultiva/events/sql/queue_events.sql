-- A part of the statements that store events: those just `stored` wait in the inbox for `flow`.
  INSERT INTO event_inbox (workspace_id, event_id, received_at)
  SELECT %(workspace)s, id, received_at FROM stored WHERE %(queue)s
