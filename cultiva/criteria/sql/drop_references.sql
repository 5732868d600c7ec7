-- What a document referred to and, by the names given, does so no more.
DELETE FROM criteria_reference r
 WHERE r.workspace_id = %(workspace)s AND r.kind = %(kind)s AND r.key = %(key)s
   AND NOT EXISTS (SELECT FROM unnest(%(kinds)s::text[], %(keys)s::text[]) AS w(kind, key)
                    WHERE w.kind = r.refers_kind AND w.key = r.refers_key)
