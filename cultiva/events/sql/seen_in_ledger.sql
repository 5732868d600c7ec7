-- Step `seen` of note_names, note_days and note_properties: all events of a workspace but those that still wait.
seen AS NOT MATERIALIZED (
  SELECT e.* FROM event e
   WHERE e.workspace_id = %(workspace)s
     AND NOT EXISTS (SELECT FROM event_inbox i WHERE i.workspace_id = %(workspace)s AND i.event_id = e.id)
     AND NOT EXISTS (SELECT FROM flow_failure f
                      WHERE f.workspace_id = %(workspace)s AND f.stage = 'arrivals' AND f.subject_id = e.id)
)
