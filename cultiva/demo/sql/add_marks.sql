-- Add what the evidences amount to. Input: %(marks)s, %(states)s and %(confirmations)s, JSON arrays.
WITH mark AS (
  INSERT INTO consent_mark (workspace_id, lead_id, valid_since, confirmed_since, profiled_since, objected_at)
  SELECT %(workspace)s, lead_id, valid_since, confirmed_since, profiled_since, objected_at
    FROM jsonb_to_recordset(%(marks)s::jsonb) AS row(
      lead_id bigint, valid_since timestamptz, confirmed_since timestamptz, profiled_since timestamptz,
      objected_at timestamptz)
), state AS (
  INSERT INTO consent_state (workspace_id, lead_id, purpose, channel, state, since, evidence_id)
  SELECT %(workspace)s, lead_id, purpose, channel, state, since, evidence_id
    FROM jsonb_to_recordset(%(states)s::jsonb) AS row(
      lead_id bigint, purpose text, channel text, state text, since timestamptz, evidence_id bigint)
   ORDER BY lead_id, purpose
)
INSERT INTO confirmation (workspace_id, lead_id, token_hash, requested_at, expires_at, confirmed_at)
SELECT %(workspace)s, lead_id, token_hash, requested_at, expires_at, confirmed_at
  FROM jsonb_to_recordset(%(confirmations)s::jsonb) AS row(
    lead_id bigint, token_hash text, requested_at timestamptz, expires_at timestamptz, confirmed_at timestamptz)
 ORDER BY requested_at, lead_id
RETURNING id, lead_id
