-- Drop misfits of some leads or companies that are none any more. Input: %(rows)s, a JSON array of those that are.
DELETE FROM attribute_misfit m
 WHERE m.workspace_id = %(workspace)s AND m.subject = %(subject)s AND m.subject_id = ANY (%(subjects)s::bigint[])
   AND NOT EXISTS (SELECT FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(subject_id bigint, key text)
                    WHERE row.subject_id = m.subject_id AND row.key = m.key)
