-- How many of `staged_message` are new to the ledger and to the rows before of this rehearsal. Output: {new}.
WITH added AS (
  INSERT INTO rehearsed_message (message_hash)
  SELECT DISTINCT s.message_hash FROM staged_message s
   WHERE NOT EXISTS (SELECT 1 FROM event_key k WHERE k.workspace_id = %(workspace)s
                      AND k.source_id = s.source_id AND k.message_hash = s.message_hash)
  ON CONFLICT DO NOTHING RETURNING 1
)
SELECT count(*) AS new FROM added
