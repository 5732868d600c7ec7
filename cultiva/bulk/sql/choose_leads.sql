-- Fix whom the action is about; `bulk.choosing` gives the SELECT of their ids in the place of NULL.
INSERT INTO bulk_lead (workspace_id, action_id, lead_id)
SELECT %(workspace)s, %(action)s, chosen.id FROM (SELECT NULL::bigint AS id) AS chosen ORDER BY chosen.id
ON CONFLICT DO NOTHING
