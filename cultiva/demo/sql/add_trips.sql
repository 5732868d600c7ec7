-- Add finished trips through a workflow. Output: id and lead_id of each.
INSERT INTO enrolment (workspace_id, workflow, version_id, lead_id, ordinal, entered_at, node, node_entered_at,
                       trail, exited_at, exit_reason)
SELECT %(workspace)s, %(workflow)s, %(version)s, lead_id, 1, entered_at, node, exited_at, trail, exited_at, 'finished'
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(
    lead_id bigint, entered_at timestamptz, node text, trail jsonb, exited_at timestamptz)
 ORDER BY entered_at, lead_id
RETURNING id, lead_id
