-- One lead of every company that has a key or a misfit of it, the next companies behind one of them: reading a lead
-- anew reads their company's group anew.
SELECT c.id AS place,
       (SELECT min(l.id) FROM lead l
         WHERE l.workspace_id = %(workspace)s AND l.company_id = c.id AND l.merged_into_id IS NULL) AS id
  FROM company c
 WHERE c.workspace_id = %(workspace)s AND c.id > %(after)s
   AND (c.attributes -> %(key)s IS NOT NULL
        OR c.id IN (SELECT subject_id FROM attribute_misfit
                     WHERE workspace_id = %(workspace)s AND subject = 'company' AND key = %(key)s))
 ORDER BY c.id LIMIT %(limit)s
