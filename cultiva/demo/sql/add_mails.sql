-- Add mails that were sent long ago. Output: id and cause_id of each.
INSERT INTO outbox (workspace_id, cause_kind, cause_id, lead_id, template_id, purpose, variables, state, not_before,
                    attempts, message_id, reason, consent_evidence_id, links, created_at, accepted_at)
SELECT %(workspace)s, cause_kind, cause_id, lead_id, template_id, %(purpose)s, '{}', 'accepted', sent_at,
       1, message_id, '', evidence_id, links, sent_at, sent_at
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(
    cause_kind text, cause_id text, lead_id bigint, template_id bigint, message_id text, evidence_id bigint,
    links jsonb, sent_at timestamptz)
 ORDER BY sent_at, lead_id
RETURNING id, cause_id, lead_id
