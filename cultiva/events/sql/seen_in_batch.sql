-- Step `seen` of note_names, note_days and note_properties: the events of a batch.
seen AS MATERIALIZED (
  SELECT e.* FROM unnest(%(ids)s::bigint[], %(received)s::timestamptz[]) AS given(id, received_at)
    JOIN event e ON e.id = given.id AND e.received_at = given.received_at
   WHERE e.workspace_id = %(workspace)s
)
