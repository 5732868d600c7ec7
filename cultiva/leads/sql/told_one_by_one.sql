-- What was told of leads, each telling by itself, oldest first, ties by id; the columns are those of told_of_leads.
SELECT e.lead_id, e.kind, e.properties, e.context ->> 'user_id' AS user_id, e.context ->> 'locale' AS locale,
       e.context ->> 'group_id' AS group_id, e.context -> 'forgets' AS forgets, e.source_id = 0 AS is_ours,
       e.occurred_at AS last_at, ARRAY[extract(epoch FROM e.occurred_at), e.id] AS first
  FROM lead_event e
 WHERE e.workspace_id = %(workspace)s AND e.lead_id = ANY (%(leads)s::bigint[]) AND e.kind = 'identify'
   AND NOT EXISTS (SELECT FROM identity_conflict c
                    WHERE c.workspace_id = e.workspace_id AND c.event_id = e.id AND c.visitor = e.visitor
                      AND c.reason = 'another_address')
 ORDER BY e.lead_id, e.occurred_at, e.id
