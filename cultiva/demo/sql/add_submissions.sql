-- Add what was sent through a form and the magnet that each sender got.
-- Output: submission and grant_id of each lead.
WITH given AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(
    lead_id bigint, token_hash text, fields jsonb, received_at timestamptz, origin jsonb, opened_at timestamptz)
), sent AS (
  INSERT INTO submission (workspace_id, form_id, lead_id, token_hash, fields, objective, via, received_at)
  SELECT %(workspace)s, %(form)s, lead_id, token_hash, fields, 'content', 'page', received_at
    FROM given ORDER BY received_at, lead_id
  RETURNING id, lead_id
), granted AS (
  INSERT INTO magnet_grant (workspace_id, lead_id, magnet, granted_at, origin, opened_at)
  SELECT %(workspace)s, lead_id, %(magnet)s, received_at, origin, opened_at FROM given ORDER BY received_at, lead_id
  RETURNING id, lead_id
), looked AS (
  -- How often the form was opened and begun nobody imagined: some went away again.
  INSERT INTO form_day (workspace_id, key, day, views, starts)
  SELECT %(workspace)s, f.key, (given.received_at AT TIME ZONE w.time_zone)::date, 3 * count(*), 2 * count(*)
    FROM given, form_version f, workspace w
   WHERE f.workspace_id = %(workspace)s AND f.id = %(form)s AND w.id = %(workspace)s
   GROUP BY f.key, 3
)
SELECT lead_id, sent.id AS submission, granted.id AS grant_id FROM sent JOIN granted USING (lead_id) ORDER BY lead_id
