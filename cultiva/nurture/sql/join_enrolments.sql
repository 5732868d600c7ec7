-- The merged lead's trips become the kept lead's, counted on after theirs.
UPDATE enrolment m
   SET lead_id = %(kept)s,
       ordinal = m.ordinal + coalesce((
         SELECT max(k.ordinal) FROM enrolment k
          WHERE k.workspace_id = %(workspace)s AND k.workflow = m.workflow AND k.lead_id = %(kept)s), 0)
 WHERE m.workspace_id = %(workspace)s AND m.lead_id = %(merged)s
