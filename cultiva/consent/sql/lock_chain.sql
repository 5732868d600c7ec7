-- Lock a lead and read the end of its chain. Two statements in one message: each sees what was committed before it
-- began, so a transaction that waited for the lock reads the chain as it is after the wait.
SELECT id FROM lead WHERE workspace_id = %(workspace)s AND id = %(lead)s FOR NO KEY UPDATE;
SELECT ordinal, hash FROM consent_evidence
 WHERE workspace_id = %(workspace)s AND lead_id = %(lead)s ORDER BY ordinal DESC LIMIT 1
