-- The next code of the pool for a grant; those that others are taking are passed over.
UPDATE discount_code c
   SET grant_id = %(grant)s, cause = %(cause)s, given_at = %(at)s, expires_at = %(expires_at)s
 WHERE c.workspace_id = %(workspace)s AND c.id = (
   SELECT id FROM discount_code
    WHERE workspace_id = %(workspace)s AND magnet = %(magnet)s AND grant_id IS NULL
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING c.id
