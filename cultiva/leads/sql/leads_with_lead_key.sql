-- Leads that have a key, or a misfit of it, the next behind one of them.
SELECT l.id AS place, l.id FROM lead l
 WHERE l.workspace_id = %(workspace)s AND l.id > %(after)s AND l.merged_into_id IS NULL
   AND (l.attributes -> %(key)s IS NOT NULL
        OR l.id IN (SELECT subject_id FROM attribute_misfit
                     WHERE workspace_id = %(workspace)s AND subject = 'lead' AND key = %(key)s))
 ORDER BY l.id LIMIT %(limit)s
