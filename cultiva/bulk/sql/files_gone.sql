-- Exports whose file is no more, as if their time were over.
UPDATE bulk_action a SET file_bytes = NULL, expires_at = NULL
 WHERE a.workspace_id = %(workspace)s AND a.file_bytes IS NOT NULL
   AND NOT EXISTS (SELECT FROM bulk_part p WHERE p.workspace_id = %(workspace)s AND p.action_id = a.id)
