-- Who was in a segment at an instant, newest leads first; of a merged lead the one they are now.
SELECT w.lead_id, l.email, l.attributes, l.created_at, w.since, false AS is_pinned
  FROM (SELECT coalesce(a.lead_id, m.lead_id) AS lead_id, min(m.since) AS since
          FROM segment_member m
          LEFT JOIN lead_alias a ON a.workspace_id = %(workspace)s AND a.merged_id = m.lead_id
         WHERE m.workspace_id = %(workspace)s AND m.segment_id = %(segment)s AND m.since < %(end)s
           AND (m.until IS NULL OR m.until >= %(end)s) AND coalesce(a.lead_id, m.lead_id) < %(after)s
         GROUP BY 1 ORDER BY 1 DESC LIMIT %(limit)s) w
  JOIN lead l ON l.workspace_id = %(workspace)s AND l.id = w.lead_id
 ORDER BY w.lead_id DESC
