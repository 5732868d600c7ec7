-- The newest leads of the action, to be shown.
SELECT b.lead_id AS id FROM bulk_lead b
 WHERE b.workspace_id = %(workspace)s AND b.action_id = %(action)s ORDER BY b.lead_id DESC LIMIT %(limit)s
