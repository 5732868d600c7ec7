-- Leads that have a key, or a misfit of it.
SELECT id FROM lead
 WHERE workspace_id = %(workspace)s AND merged_into_id IS NULL AND attributes -> %(key)s IS NOT NULL
UNION
SELECT subject_id FROM attribute_misfit
 WHERE workspace_id = %(workspace)s AND subject = 'lead' AND key = %(key)s
 ORDER BY id
