-- The last will for each purpose.
INSERT INTO consent_state (workspace_id, lead_id, purpose, channel, state, since, evidence_id)
SELECT %(workspace)s, lead_id, purpose, channel, 'given', at, id FROM big_evidence WHERE act = 'given'
