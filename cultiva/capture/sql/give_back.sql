-- Values as they were before the import; the leads are locked.
UPDATE lead l SET attributes = s.attributes, folded = s.folded, search_text = s.search_text
  FROM staged_back s WHERE l.workspace_id = %(workspace)s AND l.id = s.id
