-- Remind whoever asked for a confirmation a day ago and has not followed it: the last one of each lead, and once in all.
WITH last AS (
  SELECT DISTINCT ON (lead_id) id, lead_id, requested_at, confirmed_at, revoked_at, expires_at
    FROM confirmation
   WHERE workspace_id = %(workspace)s AND requested_at > %(at)s::timestamptz - interval '30 days'
   ORDER BY lead_id, requested_at DESC, id DESC
)
UPDATE confirmation c SET reminded_at = %(at)s
  FROM last
 WHERE c.id = last.id AND last.requested_at <= %(asked_before)s AND last.expires_at > %(at)s
   AND last.confirmed_at IS NULL AND last.revoked_at IS NULL
   AND NOT EXISTS (SELECT FROM confirmation other
                    WHERE other.workspace_id = %(workspace)s AND other.lead_id = c.lead_id
                      AND (other.reminded_at IS NOT NULL OR other.confirmed_at >= last.requested_at))
RETURNING c.id, c.lead_id
