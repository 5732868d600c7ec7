-- Their personal part, beside them.
INSERT INTO consent_evidence_payload (workspace_id, evidence_id, salt, payload)
SELECT %(workspace)s, id, salt, payload::jsonb FROM big_evidence
