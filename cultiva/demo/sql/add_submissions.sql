-- Add what was sent through a form and the magnet that each sender got.
-- Output: submission and grant_id of each lead.
WITH given AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(
    lead_id bigint, token_hash text, fields jsonb, received_at timestamptz)
), sent AS (
  INSERT INTO submission (workspace_id, form_id, lead_id, token_hash, fields, objective, via, received_at)
  SELECT %(workspace)s, %(form)s, lead_id, token_hash, fields, 'content', 'page', received_at
    FROM given ORDER BY received_at, lead_id
  RETURNING id, lead_id
), granted AS (
  INSERT INTO magnet_grant (workspace_id, lead_id, magnet, granted_at)
  SELECT %(workspace)s, lead_id, %(magnet)s, received_at FROM given ORDER BY received_at, lead_id
  RETURNING id, lead_id
)
SELECT lead_id, sent.id AS submission, granted.id AS grant_id FROM sent JOIN granted USING (lead_id) ORDER BY lead_id
