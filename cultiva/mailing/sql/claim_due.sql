-- Lock the oldest mails that are due, with what their letters need. SKIP LOCKED lets workers share the queue.
WITH due AS MATERIALIZED (
  SELECT id, cause_kind, lead_id, user_id, template_id, purpose, variables, message_id, attempts, created_at,
         not_before
    FROM outbox
   WHERE workspace_id = %(workspace)s AND state IN ('ready', 'retry') AND not_before <= %(at)s
     AND (purpose = 'transactional') = %(is_transactional)s
   ORDER BY not_before, id
   LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
SELECT d.id, d.cause_kind, d.lead_id, d.user_id, d.template_id, d.purpose, d.variables, d.message_id, d.attempts,
       d.created_at, l.email, l.attributes, l.language,
       m.profiled_since IS NOT NULL AND m.objected_at IS NULL AS is_profiled
  FROM due d
  LEFT JOIN lead l ON l.workspace_id = %(workspace)s AND l.id = d.lead_id
  LEFT JOIN consent_mark m ON m.workspace_id = %(workspace)s AND m.lead_id = d.lead_id
 ORDER BY d.not_before, d.id
