-- A code was right: what its sender mistyped before does not count.
DELETE FROM code_guess WHERE workspace_id = %(workspace)s AND sender = %(sender)s RETURNING id
