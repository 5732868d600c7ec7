-- Remember by which addresses leads are recognised. The first lead of an address keeps it.
INSERT INTO lead_address (workspace_id, email_key, lead_id)
SELECT %(workspace)s, email_key, lead_id
  FROM jsonb_to_recordset(%(addresses)s::jsonb) AS row(email_key text, lead_id bigint)
 ORDER BY email_key
ON CONFLICT (workspace_id, email_key) DO NOTHING
