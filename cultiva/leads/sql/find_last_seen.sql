-- When each lead last did something themselves, of all that is theirs: records of ours, and the past of visitors.
-- One look from the newest end of an index each; mails may be opened by machines, and staff said of some acts that a
-- machine did them.
UPDATE lead_state s SET last_seen_at = seen.at
  FROM (SELECT p.lead_id, max(e.occurred_at) AS at
          FROM (SELECT l.id AS lead_id, l.id AS own, NULL::uuid AS visitor FROM unnest(%(leads)s::bigint[]) l(id)
                UNION ALL
                SELECT a.lead_id, a.merged_id, NULL FROM lead_alias a
                 WHERE a.workspace_id = %(workspace)s AND a.lead_id = ANY (%(leads)s::bigint[])
                UNION ALL
                SELECT v.lead_id, NULL, v.visitor FROM visitor_link v
                 WHERE v.workspace_id = %(workspace)s AND v.lead_id = ANY (%(leads)s::bigint[])) p
          LEFT JOIN LATERAL (
            (SELECT e.occurred_at FROM event e
              WHERE p.own IS NOT NULL AND e.workspace_id = %(workspace)s AND e.lead_id = p.own AND e.by = 'lead'
                AND e.kind IN ('track', 'page', 'screen') AND e.actor <> 'machine' AND e.name <> 'email_opened'
                AND e.id <> ALL (ARRAY(SELECT x.event_id FROM machine_event x WHERE x.workspace_id = %(workspace)s))
              ORDER BY e.occurred_at DESC LIMIT 1)
            UNION ALL
            (SELECT e.occurred_at FROM event e
              WHERE p.visitor IS NOT NULL AND e.workspace_id = %(workspace)s AND e.visitor = p.visitor
                AND e.lead_id IS NULL AND e.by = 'lead'
                AND e.kind IN ('track', 'page', 'screen') AND e.actor <> 'machine' AND e.name <> 'email_opened'
                AND e.id <> ALL (ARRAY(SELECT x.event_id FROM machine_event x WHERE x.workspace_id = %(workspace)s))
              ORDER BY e.occurred_at DESC LIMIT 1)
          ) e ON true
         GROUP BY p.lead_id) seen
 WHERE s.workspace_id = %(workspace)s AND s.lead_id = seen.lead_id AND s.last_seen_at IS DISTINCT FROM seen.at
