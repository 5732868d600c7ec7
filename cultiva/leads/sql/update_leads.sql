-- Bring leads' rows up to date. A user id that another lead has stays theirs.
-- Input: %(rows)s, a JSON array of {id, attributes, folded, search_text, language, external_id, phone_key, company_id}.
UPDATE lead l
   SET attributes = g.attributes, folded = g.folded, search_text = g.search_text, language = g.language,
       phone_key = g.phone_key, company_id = g.company_id, external_id = g.external_id
  FROM (SELECT row.*, CASE WHEN NOT EXISTS (SELECT FROM lead o WHERE o.workspace_id = %(workspace)s
                                               AND o.external_id = row.told_id AND o.id <> row.id)
                           THEN row.told_id END AS external_id
          FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(
            id bigint, attributes jsonb, folded jsonb, search_text text, language text, told_id text, phone_key text,
            company_id bigint)) g
 WHERE l.workspace_id = %(workspace)s AND l.id = g.id
   AND (l.attributes, l.folded, l.search_text, l.language, l.phone_key, l.company_id, l.external_id)
       IS DISTINCT FROM
       (g.attributes, g.folded, g.search_text, g.language, g.phone_key, g.company_id, g.external_id)
