-- How many leads the workspace has.
SELECT count(*) AS n FROM lead_state WHERE workspace_id = %(workspace)s
