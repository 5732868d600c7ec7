-- Attributes as staged; the leads are locked.
UPDATE lead l SET attributes = s.attributes, folded = s.folded, search_text = s.search_text
  FROM staged_change s WHERE l.workspace_id = %(workspace)s AND l.id = s.id
