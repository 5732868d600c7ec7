-- Use a code up. Of many who try at once each waits for the row, and all but the first find it redeemed.
UPDATE discount_code
   SET redeemed_at = %(at)s, redeemed_by = %(by)s, purchase = %(purchase)s
 WHERE workspace_id = %(workspace)s AND code_key = %(key)s AND grant_id IS NOT NULL AND redeemed_at IS NULL
   AND (expires_at IS NULL OR expires_at > %(at)s)
RETURNING *
