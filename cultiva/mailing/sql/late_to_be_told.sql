-- Leads whose data somebody else gave us more than a month ago, and who were told neither by a mail nor by staff:
-- how many, and the oldest ones. What an undone import left of a lead names nobody.
SELECT l.id, l.created_at, count(*) OVER () AS late
  FROM lead l
  LEFT JOIN consent_mark m ON m.workspace_id = l.workspace_id AND m.lead_id = l.id
 WHERE l.workspace_id = %(workspace)s AND l.source_kind <> ALL (%(own)s) AND l.merged_into_id IS NULL
   AND l.created_at + interval '1 month' < %(at)s AND m.blocked_at IS NULL
   AND (l.email_key IS NOT NULL OR l.phone_key IS NOT NULL OR l.external_id IS NOT NULL)
   AND NOT EXISTS (SELECT FROM outbox o
                    WHERE o.workspace_id = l.workspace_id AND o.lead_id = l.id AND o.state = 'accepted'
                      AND o.purpose <> 'transactional')
   AND NOT EXISTS (SELECT FROM consent_evidence e
                    WHERE e.workspace_id = l.workspace_id AND e.lead_id = l.id AND e.act = 'informed')
 ORDER BY l.created_at, l.id
 LIMIT %(limit)s
