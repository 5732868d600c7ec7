-- Add what leads were given beside the guide. Output: id, lead_id and magnet of each grant.
INSERT INTO magnet_grant (workspace_id, lead_id, magnet, granted_at, via, origin, opened_at)
SELECT %(workspace)s, lead_id, magnet, at, 'form', origin, opened_at
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(
    lead_id bigint, magnet text, at timestamptz, origin jsonb, opened_at timestamptz)
 ORDER BY at, lead_id
RETURNING id, lead_id, magnet
