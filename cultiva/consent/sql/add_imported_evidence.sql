-- Add the evidences of `staged_evidence`, whose ids and hashes are made already, each with its payload.
WITH evidence AS (
  INSERT INTO consent_evidence (id, workspace_id, lead_id, ordinal, act, purpose, channel, occurred_at,
                                payload_digest, previous_hash, hash)
  SELECT id, %(workspace)s, lead_id, ordinal, act, purpose, channel, occurred_at, payload_digest, previous_hash, hash
    FROM staged_evidence ORDER BY id
)
INSERT INTO consent_evidence_payload (workspace_id, evidence_id, salt, payload, checks)
SELECT %(workspace)s, id, salt, payload, checks FROM staged_evidence ORDER BY id
