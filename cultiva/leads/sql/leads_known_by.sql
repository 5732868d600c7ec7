-- The leads that some identifiers point to, merged ones followed: by address, by user id (theirs, or of a visitor
-- linked to them), and by a telephone, which names only who has nothing else.
SELECT DISTINCT coalesce(a.lead_id, found.id) AS lead_id
  FROM (SELECT id FROM lead WHERE workspace_id = %(workspace)s AND email_key = %(email_key)s
        UNION ALL
        SELECT lead_id FROM lead_address WHERE workspace_id = %(workspace)s AND email_key = %(email_key)s
        UNION ALL
        SELECT id FROM lead WHERE workspace_id = %(workspace)s AND external_id = %(external_id)s
        UNION ALL
        SELECT lead_id FROM visitor_link WHERE workspace_id = %(workspace)s AND visitor = %(visitor)s
        UNION ALL
        SELECT id FROM lead
         WHERE workspace_id = %(workspace)s AND phone_key = %(phone_key)s AND email_key IS NULL
           AND external_id IS NULL AND merged_into_id IS NULL) AS found
  LEFT JOIN lead_alias a ON a.workspace_id = %(workspace)s AND a.merged_id = found.id
 ORDER BY lead_id
