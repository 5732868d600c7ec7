-- The evidences themselves.
INSERT INTO consent_evidence (id, workspace_id, lead_id, ordinal, act, purpose, channel, occurred_at, payload_digest,
                              previous_hash, hash)
SELECT id, %(workspace)s, lead_id, ordinal, act, purpose, channel, at, digest, previous, hash FROM big_evidence
