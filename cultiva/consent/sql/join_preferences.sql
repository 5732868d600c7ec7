-- The kept lead takes over the merged one's pause and frequency, where these are stricter.
INSERT INTO consent_preference AS kept (workspace_id, lead_id, paused_until, every_days, changed_at)
SELECT workspace_id, %(kept)s, paused_until, every_days, changed_at
  FROM consent_preference WHERE workspace_id = %(workspace)s AND lead_id = %(merged)s
ON CONFLICT (lead_id) DO UPDATE SET
  paused_until = greatest(kept.paused_until, excluded.paused_until),
  every_days = greatest(kept.every_days, excluded.every_days)
