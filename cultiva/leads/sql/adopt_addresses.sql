-- Give leads without an address the one that a secret key told of them, where nobody has it.
-- Input: %(addresses)s, a JSON array of {lead_id, email, email_key}.
UPDATE lead l SET email = g.email, email_key = g.email_key
  FROM jsonb_to_recordset(%(addresses)s::jsonb) AS g(lead_id bigint, email text, email_key text)
 WHERE l.workspace_id = %(workspace)s AND l.id = g.lead_id AND l.email_key IS NULL
   AND NOT EXISTS (SELECT FROM lead o WHERE o.workspace_id = l.workspace_id AND o.email_key = g.email_key)
