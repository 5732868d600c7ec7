-- Keep messages that could not become events; the same message again counts up.
-- Input: one array a column, without two rows of the same (source, payload).
INSERT INTO event_quarantine (workspace_id, source_id, received_at, code, message, payload, payload_hash, is_cut,
                              arrival, times)
SELECT %(workspace)s, g.source_id, g.received_at, g.code, g.message, g.payload, g.payload_hash, g.is_cut,
       g.arrival::jsonb, g.times
  FROM unnest(
    %(source_ids)s::bigint[], %(received_at)s::timestamptz[], %(codes)s::text[], %(messages)s::text[],
    %(payloads)s::text[], %(is_cut)s::boolean[], %(arrivals)s::text[], %(payload_hashes)s::bytea[], %(times)s::int[])
  WITH ORDINALITY AS g (source_id, received_at, code, message, payload, is_cut, arrival, payload_hash, times, ordinality)
 ORDER BY g.ordinality
ON CONFLICT (workspace_id, source_id, payload_hash)
DO UPDATE SET times = event_quarantine.times + excluded.times, received_at = excluded.received_at
