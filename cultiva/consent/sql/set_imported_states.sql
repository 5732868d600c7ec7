-- What the acts of `staged_evidence` say of each purpose. An import may turn `given` into `withdrawn`, never back;
-- who withdrew must not confirm by an older mail.
WITH state AS (
  INSERT INTO consent_state (workspace_id, lead_id, purpose, channel, state, since, evidence_id)
  SELECT DISTINCT ON (lead_id, purpose, channel) %(workspace)s, lead_id, purpose, channel, act, occurred_at, id
    FROM staged_evidence WHERE act IN ('given', 'withdrawn')
   ORDER BY lead_id, purpose, channel, ordinal DESC
  ON CONFLICT (workspace_id, lead_id, purpose, channel) DO UPDATE
    SET state = excluded.state, since = excluded.since, evidence_id = excluded.evidence_id
    WHERE consent_state.state = 'given' AND excluded.state = 'withdrawn'
)
UPDATE confirmation SET expires_at = %(at)s, revoked_at = %(at)s
  FROM (SELECT DISTINCT lead_id FROM staged_evidence WHERE act = 'withdrawn') gone
 WHERE confirmation.workspace_id = %(workspace)s AND confirmation.lead_id = gone.lead_id
   AND confirmation.confirmed_at IS NULL AND confirmation.expires_at > %(at)s
