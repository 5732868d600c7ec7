-- Leads by where they came from: valid, with a consent that counts, with one that waits for its proof, withdrawn.
SELECT l.source_kind, count(*) AS leads,
       count(*) FILTER (WHERE m.valid_since <= %(at)s) AS valid,
       count(*) FILTER (WHERE s.given) AS given,
       count(*) FILTER (WHERE s.pending) AS pending,
       count(*) FILTER (WHERE s.withdrawn) AS withdrawn
  FROM lead l
  LEFT JOIN consent_mark m ON m.workspace_id = l.workspace_id AND m.lead_id = l.id
  LEFT JOIN (
    SELECT c.lead_id,
           bool_or(c.state = 'given' AND k.confirmed_since >= c.since) AS given,
           bool_or(c.state = 'given' AND (k.confirmed_since IS NULL OR k.confirmed_since < c.since)) AS pending,
           bool_or(c.state = 'withdrawn') AS withdrawn
      FROM consent_state c
      LEFT JOIN consent_mark k ON k.workspace_id = c.workspace_id AND k.lead_id = c.lead_id
     WHERE c.workspace_id = %(workspace)s AND c.since <= %(at)s
     GROUP BY c.lead_id) s ON s.lead_id = l.id
 WHERE l.workspace_id = %(workspace)s AND l.merged_into_id IS NULL AND l.created_at <= %(at)s
 GROUP BY l.source_kind
 ORDER BY leads DESC, l.source_kind
