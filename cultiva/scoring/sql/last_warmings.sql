-- The last change of each lead's temperature under a model, as the ledger tells it.
SELECT given.lead_id, e.properties
  FROM unnest(%(leads)s::bigint[]) AS given(lead_id)
  CROSS JOIN LATERAL (
    SELECT properties FROM lead_event e
     WHERE e.workspace_id = %(workspace)s AND e.lead_id = given.lead_id AND e.kind = 'score'
       AND e.name = 'temperature_changed' AND e.properties ->> 'model' = %(model)s
     ORDER BY e.occurred_at DESC, e.id DESC LIMIT 1) e
