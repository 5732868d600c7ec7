-- Consents that end within the time in which they are to be renewed, each told of once.
-- Input: %(given_before)s, {channel: instant}: given or renewed before it, a consent is about to end.
UPDATE consent_state s SET expiry_told_at = %(at)s
  FROM jsonb_each_text(%(given_before)s::jsonb) AS due(channel, given_before)
 WHERE s.workspace_id = %(workspace)s AND s.state = 'given' AND s.channel = due.channel AND s.expiry_told_at IS NULL
   AND greatest(s.since, s.renewed_at) < due.given_before::timestamptz
RETURNING s.id, s.lead_id, s.purpose, s.channel, greatest(s.since, s.renewed_at) AS given_at
