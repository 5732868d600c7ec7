-- How long a sender of wrong codes has to wait.
SELECT blocked_until FROM code_guess WHERE workspace_id = %(workspace)s AND sender = %(sender)s AND blocked_until IS NOT NULL
