-- Add evidences of many leads with their payloads. Input: %(rows)s, a JSON array whose hashes are made already;
-- output: id, lead_id and ordinal of each.
WITH given AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(
    lead_id bigint, ordinal int, act text, purpose text, channel text, occurred_at timestamptz,
    payload_digest text, previous_hash text, hash text, salt text, payload jsonb, checks text)
), added AS (
  INSERT INTO consent_evidence (workspace_id, lead_id, ordinal, act, purpose, channel, occurred_at,
                                payload_digest, previous_hash, hash)
  SELECT %(workspace)s, lead_id, ordinal, act, purpose, channel, occurred_at, payload_digest, previous_hash, hash
    FROM given ORDER BY occurred_at, lead_id, ordinal
  RETURNING id, lead_id, ordinal
), beside AS (
  INSERT INTO consent_evidence_payload (workspace_id, evidence_id, salt, payload, checks)
  SELECT %(workspace)s, added.id, given.salt, given.payload, given.checks FROM added JOIN given USING (lead_id, ordinal)
)
SELECT id, lead_id, ordinal FROM added ORDER BY id
