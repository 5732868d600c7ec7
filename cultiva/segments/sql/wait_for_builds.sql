-- The builds under way are done, and none begins until the end of the transaction.
SELECT pg_advisory_xact_lock_shared(hashtextextended('segment', id)) FROM segment
 WHERE workspace_id = %(workspace)s AND wants_build
 ORDER BY id
