-- Of leads, those whom the personas may see otherwise whatever happened to them: never judged before; linked to a browser,
-- whose past is theirs now, since the first of their new events was received (%(since)s, one a lead or NULL); and those
-- for whom an instant has come. Output: lead_id.
SELECT given.lead_id
  FROM unnest(%(leads)s::bigint[], %(since)s::timestamptz[]) AS given(lead_id, since)
 WHERE NOT EXISTS (SELECT FROM lead_persona p WHERE p.workspace_id = %(workspace)s AND p.lead_id = given.lead_id)
    OR EXISTS (SELECT FROM visitor_link v WHERE v.workspace_id = %(workspace)s AND v.lead_id = given.lead_id
                  AND v.linked_at >= given.since)
    OR EXISTS (SELECT FROM persona_due d WHERE d.workspace_id = %(workspace)s AND d.lead_id = given.lead_id
                  AND d.due_at <= %(at)s)
