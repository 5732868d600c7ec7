-- The merged lead's mails become the kept lead's. A mail that asks to prove an address goes along only with the address.
UPDATE outbox m SET lead_id = %(kept)s
 WHERE m.workspace_id = %(workspace)s AND m.lead_id = %(merged)s
   AND (m.cause_kind NOT IN ('confirmation', 'reminder')
        OR (SELECT email_key IS NULL FROM lead WHERE workspace_id = %(workspace)s AND id = %(kept)s))
   AND NOT EXISTS (
     SELECT FROM outbox k
      WHERE k.workspace_id = %(workspace)s AND k.lead_id = %(kept)s
        AND k.cause_kind = m.cause_kind AND k.cause_id = m.cause_id)
