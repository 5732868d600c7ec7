-- Codes that have just come into the pool go to those who got the magnet while it was empty, who waited longest first.
WITH waiting AS (
  SELECT g.id, row_number() OVER (ORDER BY g.id) AS place FROM magnet_grant g
   WHERE g.workspace_id = %(workspace)s AND g.magnet = %(magnet)s
     AND NOT EXISTS (SELECT FROM discount_code c WHERE c.workspace_id = g.workspace_id AND c.grant_id = g.id)
), free AS (
  SELECT id, row_number() OVER (ORDER BY id) AS place FROM (
    SELECT id FROM discount_code
     WHERE workspace_id = %(workspace)s AND magnet = %(magnet)s AND grant_id IS NULL
     ORDER BY id LIMIT (SELECT count(*) FROM waiting) FOR UPDATE SKIP LOCKED) locked
)
UPDATE discount_code c
   SET grant_id = waiting.id, given_at = %(at)s, expires_at = %(expires_at)s
  FROM waiting JOIN free USING (place)
 WHERE c.workspace_id = %(workspace)s AND c.id = free.id
RETURNING c.id
