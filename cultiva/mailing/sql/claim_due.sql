-- Lock the oldest mails that are due, with what their letters need. SKIP LOCKED lets workers share the queue.
-- LATERAL .. LIMIT 1 looks each reader up by key, whatever the planner believes of a table just filled: without it,
-- it walked the whole workspace for every mail.
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
       d.created_at, l.email, l.attributes, l.language, coalesce(m.is_profiled, false) AS is_profiled
  FROM due d
  LEFT JOIN LATERAL (
    SELECT email, attributes, language FROM lead
     WHERE workspace_id = %(workspace)s AND id = d.lead_id LIMIT 1
  ) l ON true
  LEFT JOIN LATERAL (
    SELECT profiled_since IS NOT NULL AND objected_at IS NULL AS is_profiled FROM consent_mark
     WHERE workspace_id = %(workspace)s AND lead_id = d.lead_id LIMIT 1
  ) m ON true
 ORDER BY d.not_before, d.id
