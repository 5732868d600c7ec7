-- Something happened to these leads while the segments wait to be built: they are judged right after that.
INSERT INTO segment_due (workspace_id, segment_id, lead_id, due_at, is_mark)
SELECT %(workspace)s, given.segment_id, given.lead_id, %(at)s, true
  FROM unnest(%(segments)s::bigint[], %(leads)s::bigint[]) AS given(segment_id, lead_id)
ON CONFLICT (workspace_id, lead_id, segment_id, is_mark) DO NOTHING
