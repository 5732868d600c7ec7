-- One mail to one person for one cause, however often it is asked for. Output: how many are new.
WITH wanted AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS given(
    cause_id text, lead_id bigint, user_id bigint, variables jsonb)
), put AS (
  INSERT INTO outbox (workspace_id, cause_kind, cause_id, lead_id, user_id, template_id, purpose, variables, state,
                      not_before, attempts, message_id, reason, links, created_at)
  SELECT %(workspace)s, %(cause_kind)s, cause_id, lead_id, user_id, %(template)s, %(purpose)s,
         coalesce(variables, '{}'), 'ready', %(not_before)s, 0,
         format('<%%s@%%s>', replace(gen_random_uuid()::text, '-', ''), %(domain)s::text), '', '[]', %(at)s
    FROM wanted ORDER BY lead_id, cause_id
  ON CONFLICT DO NOTHING
  RETURNING 1
)
SELECT count(*) AS put FROM put
