-- Keep what visitors claimed. Input: %(claims)s, a JSON array of whole rows of visitor_claim.
INSERT INTO visitor_claim AS c (workspace_id, visitor, same_as, email_key, user_id, event_id, occurred_at)
SELECT %(workspace)s, visitor, same_as, email_key, user_id, event_id, occurred_at
  FROM jsonb_to_recordset(%(claims)s::jsonb) AS row(
    visitor uuid, same_as uuid, email_key text, user_id text, event_id bigint, occurred_at timestamptz)
 ORDER BY visitor
ON CONFLICT (workspace_id, visitor) DO UPDATE
   SET same_as = excluded.same_as, email_key = excluded.email_key, user_id = excluded.user_id
