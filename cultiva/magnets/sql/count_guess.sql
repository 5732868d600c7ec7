-- One try more; no row where the sender has to wait. From the sixth within a minute on, each wait is twice the last.
INSERT INTO code_guess AS g (workspace_id, sender, tries, last_at)
VALUES (%(workspace)s, %(sender)s, 1, %(at)s)
ON CONFLICT (workspace_id, sender) DO UPDATE
   SET tries = CASE WHEN g.tries < %(free)s AND g.last_at <= %(at)s::timestamptz - interval '1 minute'
                      OR g.last_at <= %(at)s::timestamptz - %(most)s::interval THEN 1 ELSE g.tries + 1 END,
       last_at = %(at)s,
       blocked_until = CASE
         WHEN g.tries + 1 < %(free)s OR g.tries < %(free)s AND g.last_at <= %(at)s::timestamptz - interval '1 minute'
           OR g.last_at <= %(at)s::timestamptz - %(most)s::interval THEN NULL
         ELSE %(at)s::timestamptz
              + least(interval '1 minute' * power(2, least(g.tries + 1 - %(free)s, 20)), %(most)s::interval) END
 WHERE g.blocked_until IS NULL OR g.blocked_until <= %(at)s
RETURNING g.tries
