-- Of two mails that say the same to the two leads (the same template for the same sort of cause; of magnets, the same
-- magnet), one that still waits is cancelled where the other has left or is leaving; of two that wait, the merged lead's.
-- The question whether an address is theirs is each address's own.
WITH mail AS (
  SELECT o.id, o.lead_id, o.state IN ('ready', 'retry') AS waits, o.cause_kind,
         CASE WHEN o.cause_kind = 'grant'
              THEN (SELECT g.magnet FROM magnet_grant g
                     WHERE g.workspace_id = o.workspace_id AND g.id = (o.variables ->> 'grant')::bigint)
              ELSE t.key END AS says
    FROM outbox o
    JOIN template_version t ON t.workspace_id = o.workspace_id AND t.id = o.template_id
   WHERE o.workspace_id = %(workspace)s AND o.lead_id IN (%(kept)s, %(merged)s)
     AND o.cause_kind NOT IN ('confirmation', 'reminder') AND o.state NOT IN ('refused', 'failed', 'cancelled')
)
UPDATE outbox o SET state = 'cancelled', reason = 'merged'
  FROM mail
 WHERE o.workspace_id = %(workspace)s AND o.id = mail.id AND o.state IN ('ready', 'retry') AND mail.waits
   AND EXISTS (
     SELECT FROM mail other
      WHERE other.lead_id <> mail.lead_id AND other.cause_kind = mail.cause_kind AND other.says = mail.says
        AND (NOT other.waits OR mail.lead_id = %(merged)s))
