-- Attributes as staged; the leads are locked. They are found by their index: nothing is known of the staged table.
UPDATE lead l SET attributes = s.attributes, folded = s.folded, search_text = s.search_text
  FROM staged_change s WHERE l.workspace_id = %(workspace)s AND l.id = s.id
   AND l.id = ANY (ARRAY(SELECT id FROM staged_change))
