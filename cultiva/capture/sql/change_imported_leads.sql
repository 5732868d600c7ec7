-- What is new of leads that existed; they are locked, and keys once known stay. They are found by their index: a
-- table that grows by the file has no statistics to choose by.
UPDATE lead l SET email = s.email, email_key = s.email_key, phone_key = s.phone_key, external_id = s.external_id,
       attributes = s.attributes, folded = s.folded, language = s.language, search_text = s.search_text
  FROM staged_lead s WHERE s.is_changed AND NOT s.is_new AND l.workspace_id = %(workspace)s AND l.id = s.id
   AND l.id = ANY (ARRAY(SELECT id FROM staged_lead WHERE is_changed AND NOT is_new))
