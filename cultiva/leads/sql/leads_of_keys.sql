-- The lead of each address, or of each telephone that is all that is known of somebody; merged leads are followed.
-- Input: %(leads)s, a JSON array of {place, email_key, phone_key}.
SELECT g.place, coalesce(a.lead_id, l.id) AS lead_id
  FROM jsonb_to_recordset(%(leads)s::jsonb) AS g(place int, email_key text, phone_key text)
  JOIN lead l ON l.workspace_id = %(workspace)s
   AND (l.email_key = g.email_key
        OR (g.email_key IS NULL AND l.phone_key = g.phone_key AND l.email_key IS NULL AND l.external_id IS NULL
            AND l.merged_into_id IS NULL))
  LEFT JOIN lead_alias a ON a.workspace_id = l.workspace_id AND a.merged_id = l.id
