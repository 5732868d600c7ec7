-- Let leads wait for the steps of flow, each with its new events; a lead without one was touched by something else.
-- What is a merged lead's waits for the one they are now. Leads that are gone have no row of state.
INSERT INTO lead_inbox (workspace_id, lead_id, event_id, received_at)
SELECT s.workspace_id, s.lead_id, given.event_id, given.received_at
  FROM unnest(%(leads)s::bigint[], %(events)s::bigint[], %(received)s::timestamptz[])
       AS given(lead_id, event_id, received_at)
  LEFT JOIN lead_alias a ON a.workspace_id = %(workspace)s AND a.merged_id = given.lead_id
  JOIN lead_state s ON s.workspace_id = %(workspace)s AND s.lead_id = coalesce(a.lead_id, given.lead_id)
