-- Of leads with new events: those never asked about every segment, and those who since the first of these events were
-- received (%(since)s, one a lead) were linked to a browser, whose past is theirs now.
SELECT given.lead_id
  FROM unnest(%(leads)s::bigint[], %(since)s::timestamptz[]) AS given(lead_id, since)
 WHERE NOT EXISTS (SELECT FROM segment_known k WHERE k.workspace_id = %(workspace)s AND k.lead_id = given.lead_id)
    OR EXISTS (SELECT FROM visitor_link v WHERE v.workspace_id = %(workspace)s AND v.lead_id = given.lead_id
                  AND v.linked_at >= given.since)
