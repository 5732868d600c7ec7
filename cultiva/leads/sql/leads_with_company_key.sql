-- One lead of every company that has a key or a misfit of it: reading a lead anew reads their company's group anew.
SELECT DISTINCT ON (l.company_id) l.id FROM lead l
 WHERE l.workspace_id = %(workspace)s AND l.merged_into_id IS NULL
   AND l.company_id IN (SELECT id FROM company WHERE workspace_id = %(workspace)s AND attributes -> %(key)s IS NOT NULL
                        UNION
                        SELECT subject_id FROM attribute_misfit
                         WHERE workspace_id = %(workspace)s AND subject = 'company' AND key = %(key)s)
 ORDER BY l.company_id, l.id
