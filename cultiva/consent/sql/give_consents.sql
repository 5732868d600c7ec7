-- Boxes were ticked. Output: what was not given before; a will already expressed keeps its date and its evidence.
INSERT INTO consent_state (workspace_id, lead_id, purpose, channel, state, since, evidence_id)
SELECT %(workspace)s, %(lead)s, purpose, channel, 'given', %(at)s, evidence_id
  FROM jsonb_to_recordset(%(given)s::jsonb) AS box(purpose text, channel text, evidence_id bigint)
 ORDER BY purpose, channel
ON CONFLICT (workspace_id, lead_id, purpose, channel) DO UPDATE
  SET state = excluded.state, since = excluded.since, evidence_id = excluded.evidence_id
  WHERE consent_state.state <> 'given'
RETURNING purpose, channel
