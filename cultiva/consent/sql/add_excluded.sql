-- Put hashes on an exclusion list; those that are on it stay.
INSERT INTO excluded_address (workspace_id, list_id, hash)
SELECT %(workspace)s, %(list)s, hash FROM unnest(%(hashes)s::text[]) AS wanted(hash) ORDER BY hash
ON CONFLICT (workspace_id, hash, list_id) DO NOTHING
