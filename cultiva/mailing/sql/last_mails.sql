-- Of leads who want mails only so often: how many days apart, and when the last that asked for consent left, if lately.
SELECT p.lead_id, p.every_days,
       (SELECT max(o.accepted_at) FROM outbox o
         WHERE o.workspace_id = %(workspace)s AND o.lead_id = p.lead_id AND o.purpose <> 'transactional'
           AND o.accepted_at > %(at)s - p.every_days * interval '1 day') AS last_at,
       EXISTS (SELECT FROM outbox o
                WHERE o.workspace_id = %(workspace)s AND o.lead_id = p.lead_id AND o.purpose <> 'transactional'
                  AND o.state IN ('claimed', 'sending')) AS is_being_sent
  FROM consent_preference p
 WHERE p.workspace_id = %(workspace)s AND p.lead_id = ANY (%(leads)s::bigint[]) AND p.every_days IS NOT NULL
