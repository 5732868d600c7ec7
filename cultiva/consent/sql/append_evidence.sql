-- Add evidences and, beside each, its personal payload. Input: %(rows)s, a JSON array; output: the ids in order.
WITH given AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(
    ordinal int, act text, purpose text, channel text, payload_digest text, previous_hash text, hash text,
    salt text, payload jsonb)
), added AS (
  INSERT INTO consent_evidence (workspace_id, lead_id, ordinal, act, purpose, channel, occurred_at,
                                payload_digest, previous_hash, hash)
  SELECT %(workspace)s, %(lead)s, ordinal, act, purpose, channel, %(at)s, payload_digest, previous_hash, hash
    FROM given ORDER BY ordinal
  RETURNING id, ordinal
), beside AS (
  INSERT INTO consent_evidence_payload (workspace_id, evidence_id, salt, payload)
  SELECT %(workspace)s, added.id, given.salt, given.payload FROM added JOIN given USING (ordinal)
)
SELECT id, ordinal FROM added ORDER BY ordinal
