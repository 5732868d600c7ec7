-- Keep a piece of an uploaded file.
INSERT INTO import_part (workspace_id, run_id, what, ordinal, content) VALUES (%s, %s, %s, %s, %s)
