-- A lead without owner gets the one of the lead merged into it.
UPDATE lead_state k SET owner_id = m.owner_id
  FROM lead_state m
 WHERE k.workspace_id = %(workspace)s AND k.lead_id = %(kept)s AND k.owner_id IS NULL
   AND m.workspace_id = %(workspace)s AND m.lead_id = %(merged)s AND m.owner_id IS NOT NULL
