-- The events of a failure wait again with their lead.
INSERT INTO lead_inbox (workspace_id, lead_id, event_id, received_at)
SELECT f.workspace_id, f.subject_id, failed.id, failed.received_at
  FROM flow_failure f
 CROSS JOIN LATERAL (SELECT * FROM unnest(f.event_ids, f.received_ats) UNION ALL SELECT NULL, NULL)
       AS failed(id, received_at)
  JOIN lead_state s ON s.workspace_id = f.workspace_id AND s.lead_id = f.subject_id
 WHERE f.workspace_id = %(workspace)s AND f.id = %(failure)s
