-- Keep a piece of an export.
INSERT INTO bulk_part (workspace_id, action_id, what, ordinal, content) VALUES (%s, %s, %s, %s, %s)
