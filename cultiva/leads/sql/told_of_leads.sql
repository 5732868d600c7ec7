-- What was told of leads, by themselves, their systems or our forms: the same words again count once, at the time
-- they were last said. Traits that a second person gave on a lead's browser are nobody's.
-- `forgets`: keys that are unknown again from then on (an import that was undone).
-- `first` and `last` are [seconds since 1970, event id].
SELECT e.lead_id, e.kind, e.properties, e.context ->> 'user_id' AS user_id, e.context ->> 'locale' AS locale,
       e.context ->> 'group_id' AS group_id, e.context -> 'forgets' AS forgets, e.source_id = 0 AS is_ours, max(e.occurred_at) AS last_at,
       min(ARRAY[extract(epoch FROM e.occurred_at), e.id]) AS first,
       max(ARRAY[extract(epoch FROM e.occurred_at), e.id]) AS last
  FROM lead_event e
 WHERE e.workspace_id = %(workspace)s AND e.lead_id = ANY (%(leads)s::bigint[]) AND e.kind IN ('identify', 'group')
   AND NOT EXISTS (SELECT FROM identity_conflict c
                    WHERE c.workspace_id = e.workspace_id AND c.event_id = e.id AND c.visitor = e.visitor
                      AND c.reason = 'another_address')
 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
 ORDER BY e.lead_id, last
