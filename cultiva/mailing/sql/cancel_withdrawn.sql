-- What waits for people who no longer want it. A mail already claimed is asked about there.
UPDATE outbox o
   SET state = 'cancelled', reason = 'withdrawn'
  FROM jsonb_to_recordset(%(withdrawn)s::jsonb) AS w(lead_id bigint, purpose text)
 WHERE o.workspace_id = %(workspace)s AND o.lead_id = w.lead_id AND o.purpose = w.purpose
   AND o.state IN ('ready', 'retry')
